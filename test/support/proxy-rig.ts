import assert from 'node:assert/strict';
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { hasCode } from '../../src/core/errors.js';
import type { ServerId } from '../../src/core/server.js';
import { noServerMemory } from '../../src/core/server-memory.js';
import { McpProxy, type ProxyParts } from '../../src/loopback/mcp-proxy.js';
import { FakeClock } from './fake-clock.js';
import { listen, readBody, type Listener } from './listener.js';
import { RecordingAudit } from './recording-audit.js';
import { RecordingLog } from './recording-log.js';
import { TokensOnTable } from './tokens-on-table.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** What a server saw of a request. */
interface Seen {
  readonly method: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export const toolCall = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami' } };

/** The proxy by itself, between a client and a server whose answers a test writes, over real sockets. */
export class ProxyRig {
  readonly id = 'Notes ✎' as ServerId;
  handle: (req: IncomingMessage, res: ServerResponse, body: string) => void = answerOk;
  seen: Seen[] = [];
  connections = new Set<unknown>();
  proxy!: McpProxy;
  tokens!: TokensOnTable;
  clock!: FakeClock;
  log!: RecordingLog;
  waitSeconds = 120;
  readonly #agent = new Agent({ keepAlive: true });
  #upstream: Listener | undefined;

  /** The address of the server. */
  get url(): string {
    return `${this.#upstream?.origin ?? ''}/mcp`;
  }

  async open(parts: Partial<ProxyParts> = {}): Promise<void> {
    await this.listen();
    [this.seen, this.connections, this.handle, this.waitSeconds] = [[], new Set(), answerOk, 120];
    this.tokens = new TokensOnTable(() => this.url);
    [this.clock, this.log] = [new FakeClock(), new RecordingLog()];
    this.proxy = await McpProxy.start({
      tokens: this.tokens,
      clock: this.clock,
      log: this.log,
      audit: new RecordingAudit(),
      ask: () => Promise.reject(new Error('Nobody planned to be asked.')),
      serverMemory: noServerMemory,
      signInWaitSeconds: () => this.waitSeconds,
      replayLimitBytes: () => 1_048_576,
      explain: (error) => `explained: ${hasCode(error, 'grant_refused') ? 'sign in' : textOf(error)}`,
      ...parts,
    });
    this.proxy.setServers([{ id: this.id, url: this.url, auth: {} }]);
  }

  /** Lets the server be reached, again if it was stopped, at the port that it had. */
  async listen(port = 0): Promise<void> {
    this.#upstream = await listen('127.0.0.1', port);
    this.#upstream.serve(async (req, res) => {
      this.connections.add(req.socket);
      const body = await readBody(req, 8_000_000);
      const { method = '', headers } = req;
      this.seen.push({ method, authorization: headers.authorization, headers, body });
      this.handle(req, res, body);
    });
  }

  /** Stops the server. @returns its port */
  async stop(): Promise<number> {
    const port = this.#upstream?.port ?? 0;
    await this.#upstream?.close();
    return port;
  }

  async close(): Promise<void> {
    this.proxy.dispose();
    this.#agent.destroy();
    await this.#upstream?.close();
    await settled(() => this.clock.pending.length === 0);
    assert.deepEqual(this.clock.pending, []);
  }

  /** One request of the editor, and the answer as soon as its headers are there. */
  begin(body: string | Buffer, headers: Record<string, string> = {}, method = 'POST') {
    const endpoint = this.proxy.endpoint(this.id);
    assert.ok(endpoint);
    const authorization = `Bearer ${endpoint.capability.reveal()}`;
    const outgoing = request(endpoint.url, {
      method,
      headers: { authorization, ...headers },
      agent: this.#agent,
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.on('response', resolve).on('error', reject);
    });
    outgoing.end(body);
    return { outgoing, answered };
  }

  async send(
    body: unknown = toolCall,
    headers: Record<string, string> = {},
    method = 'POST',
  ): Promise<Answer> {
    const sent = body instanceof Buffer ? body : method === 'POST' ? JSON.stringify(body) : '';
    const answer = await this.begin(sent, headers, method).answered;
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text };
  }
}

/** The code of the error that an answer is, or `result` for a result that says of itself that it is one. */
export function errorIn({ text }: { readonly text: string }): unknown {
  const { result, error } = JSON.parse(text) as {
    result?: { isError?: boolean };
    error?: { data?: unknown };
  };
  return result?.isError === true ? 'result' : error?.data;
}

/** Waits for what nobody announces, for a second at most. */
export async function settled(isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + 1_000;
  while (!isSo() && Date.now() < endMs) await new Promise((resolve) => setImmediate(resolve));
}

function answerOk(_req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { details } = error as Error & { details?: unknown };
  return `${String(error)} ${JSON.stringify(details ?? {})}`;
}

/** Gives each test of the surrounding `describe` a proxy. */
export function useProxy(): ProxyRig {
  const rig = new ProxyRig();
  beforeEach(() => rig.open());
  afterEach(() => rig.close());
  return rig;
}
