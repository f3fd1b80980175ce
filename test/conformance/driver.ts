import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Broker } from '../../src/broker/broker.js';
import { Counters } from '../../src/core/counters.js';
import { describeError } from '../../src/core/errors.js';
import type { Clock, Log } from '../../src/core/ports.js';
import { noServerMemory } from '../../src/core/server-memory.js';
import { McpProxy } from '../../src/loopback/mcp-proxy.js';
import { readTokenFile } from '../../src/node/token-file.js';
import { Web } from '../../src/node/web.js';
import { redirectReceiver } from '../../src/loopback/redirect-receiver.js';
import { memoryJournal, memoryMemento, memorySecrets, OwnLeases } from '../../src/vault/secrets/in-memory.js';
import { MemoryLedger } from '../../src/vault/ledgers/memory-ledger.js';
import { parseServers } from '../../src/vscode/settings/server-settings.js';
import { defaultRules } from '../support/default-rules.js';
import { FakeEditor } from '../support/fake-editor.js';
import { FakeLock } from '../support/fake-lock.js';
import { FakeNetwork } from '../support/fake-network.js';
import { FormBrowser } from '../support/form-browser.js';
import { RecordingAudit } from '../support/recording-audit.js';
import { configurationFor, type Context } from './configuration.js';

/**
 * The client that the conformance suite drives: a real MCP client on the near side of our proxy, the suite's servers
 * on the far side, and between them the broker with a user who signs in whenever one is asked for. The suite starts it
 * with the server's address as the only argument; it fails as soon as a sign-in does.
 */
const [serverUrl = ''] = process.argv.slice(2);
const wire = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] ?? '';
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Context;

/** The first revision without sessions, which a client has to be told to speak. */
const isStateless = wire >= '2026-07-28';

/** Longer than any scenario, so that a call never gives up on its user. */
const signInWaitSeconds = 50;

const tell = (message: string) => void process.stderr.write(`${message}\n`);
const log: Log = { debug: tell, info: tell, warn: tell, error: tell };
const clock: Clock = {
  nowMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return { dispose: () => clearTimeout(timer) };
  },
};

const { auth, clientMetadataUrl, questions } = await configurationFor(context, serverUrl);
const entries = { conformance: { type: 'http', url: serverUrl, auth } };
const { servers, problems } = parseServers(new FakeEditor().api.l10n, entries, 'the configuration');
const [server] = servers;
if (server === undefined) throw new Error(problems.map(({ message }) => message).join('\n'));

const web = new Web();
const browser = new FormBrowser({ username: 'alice', password: 'alice', decision: 'allow' });
const broker = new Broker({
  rules: { ...defaultRules, clientMetadataUrl: () => clientMetadataUrl },
  counters: new Counters(),
  audit: new RecordingAudit(),
  fetch: web.fetch,
  clock,
  random: Math.random,
  log,
  secrets: memorySecrets(),
  lock: new FakeLock(),
  memento: memoryMemento(),
  journal: memoryJournal(),
  leases: new OwnLeases(),
  ledgers: { sessions: new MemoryLedger(), bindings: new MemoryLedger() },
  network: new FakeNetwork(),
  workspace: 'conformance',
  showCode: () => {
    throw new Error('Nobody asked for a code.');
  },
  openBrowser: async (url, namedBy) => {
    await web.requireReach(url, namedBy);
    browser.open(url).catch(fail);
    return true;
  },
  redirects: redirectReceiver({
    template: () => Promise.resolve('{{title}} {{message}}'),
    describe: ({ kind }) => ({ title: kind, message: '' }),
  }),
  questions,
  readTokenFile,
});
const proxy = await McpProxy.start({
  tokens: broker,
  clock,
  log,
  audit: { record: () => undefined },
  ask: () => Promise.reject(new Error('There are no rules.')),
  serverMemory: noServerMemory,
  signInWaitSeconds: () => signInWaitSeconds,
  replayLimitBytes: () => 1_048_576,
  explain: describeError,
});
proxy.setServers(servers);
await broker.setServers(servers);
// As in the editor, the user is asked once for each cause.
const asked = new Set<string>();
broker.onSignInWanted(({ server: id, cause }) => {
  if (asked.has(cause)) return;
  asked.add(cause);
  broker.signIn(id, 'same').catch(fail);
});

const endpoint = proxy.endpoint(server.id);
const connected = async (): Promise<Client> => {
  const client = new Client(
    { name: 'conformance', version: '1.0.0' },
    isStateless ? { versionNegotiation: { mode: { pin: wire } } } : {},
  );
  const requestInit = { headers: { authorization: `Bearer ${endpoint?.capability.reveal() ?? ''}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(endpoint?.url ?? ''), { requestInit }));
  return client;
};
// A server that was never reached fails its start, and as in the editor it is started again after the sign-in.
const client = await connected().catch(async (error: unknown) => {
  if (broker.state(server.id).kind !== 'signed-out') throw error;
  broker.wantSignIn(server.id);
  await broker.signedIn(server.id, AbortSignal.timeout(signInWaitSeconds * 1000));
  return connected();
});
await client.listTools();
await client.callTool({ name: 'test-tool', arguments: {} });
await client.close();
proxy.dispose();
await broker.close();

/** The user is told why, and gives up. */
function fail(error: unknown): void {
  tell(describeError(error));
  process.exit(1);
}
