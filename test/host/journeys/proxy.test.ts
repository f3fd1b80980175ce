import assert from 'node:assert/strict';
import { LegacySseServer } from '../../support/legacy-sse-server.js';
import { startMcpServer } from '../../support/mcp-server.js';
import { buildMcpServer } from '../../support/mcp-tools.js';
import { ScriptedResource } from '../../support/scripted-resource.js';
import { alice } from '../../support/test-users.js';
import { Ground, serverId } from '../ground.js';
import { until } from '../until.js';

const whoIsAlice = 'alice@example.com (Alice)';

describe('the proxy in the editor', () => {
  let ground: Ground;
  let whoami: string;

  before(async () => {
    ground = await Ground.start({ tickets: {} });
    await ground.signIn(alice);
    whoami = await ground.start('tickets', 'whoami');
    assert.equal(await ground.editor.invokeTool(whoami), whoIsAlice);
  });
  after(() => ground.stop());
  // The editor's own sign-in would begin with one.
  afterEach(() => assert.deepEqual(ground.editor.everyDialog(), []));

  it('serves a server of the older transport', async () => {
    const { editor, issuer } = ground;
    const resource = await ScriptedResource.start(issuer.issuer);
    const legacy = new LegacySseServer({
      build: () => buildMcpServer('older', []),
      endpoint: (session) => `/mcp/messages?sessionId=${session}`,
      messagesPath: '/mcp/messages',
    });
    resource.handle = (req, res, body) => legacy.handle(req, res, body);
    try {
      const entries = { tickets: ground.entry('tickets'), older: { type: 'http', url: resource.url } };
      await editor.updateSetting('mcpCredentials.servers', entries);
      await ground.signIn(alice, 'older');
      const fail = await ground.start('older', 'fail');
      assert.equal(await editor.invokeTool(fail), 'This tool always fails.');
      assert.equal(legacy.openStreams, 1);
      await editor.stopServer(serverId('older'));
      await until('end of the stream', () => Promise.resolve(legacy.openStreams === 0));
    } finally {
      await editor.updateSetting('mcpCredentials.servers', { tickets: ground.entry('tickets') });
      await resource.close();
    }
  });

  it('lets a call go on although the server has forgotten its session', async () => {
    const server = ground.server('tickets');
    const before = server.sessions.length;
    await server.endSessions();
    assert.equal(await ground.editor.invokeTool(whoami), whoIsAlice);
    assert.equal(server.sessions.length, before + 1);
  });

  it('says which server is away, and works again when it is back', async () => {
    const { editor, issuer } = ground;
    const { port, name } = ground.server('tickets');
    await ground.server('tickets').close();
    const said = await editor.invokeTool(whoami);
    assert.match(said, new RegExp(`“tickets” at 127\\.0\\.0\\.1:${port} does not answer`));
    const again = await startMcpServer({ issuer: issuer.issuer, name, answers: 'sse', port });
    try {
      assert.equal(await editor.invokeTool(whoami), whoIsAlice);
    } finally {
      await again.endSessions();
    }
  });

  it('starts a server while nobody is signed in, and its first call leads to the sign-in', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign Out…');
    await editor.notification('Signed out');
    await editor.reload();
    await editor.startServer(serverId('tickets'));
    assert.equal(await ground.tool('tickets', 'whoami'), whoami);
    assert.equal(
      (await editor.notifications()).some(({ text }) => text.includes('“tickets” needs you')),
      false,
      'A start asks for nothing.',
    );
    const calls = [1, 2].map(() => editor.invokeTool(whoami));
    await editor.clickNotification('“tickets” needs you to sign in', 'Sign In');
    // The way through the sign-in page takes longer than the moment after which a stream with heartbeats begins.
    await ground.finishSignIn(alice);
    for (const call of calls) assert.equal(await call, whoIsAlice);
    assert.equal(await editor.invokeTool(whoami), whoIsAlice);
  });

  it('keeps a call alive with heartbeats for as long as the user takes, and then lets it go on', async () => {
    const { editor, issuer } = ground;
    assert.equal(await editor.heartbeats(), 0);
    issuer.revokeGrants('alice');
    await ground.status(({ background }) => background === 'warning');
    const callsBefore = ground.server('tickets').requests.filter(({ tool }) => tool === 'whoami').length;
    const [sentAtMs, call] = [Date.now(), editor.invokeTool(whoami)];
    await editor.clickNotification('waits for you to sign in again', 'Sign In');
    // After two seconds, and then every fifteen.
    await until('third heartbeat', async () => (await editor.heartbeats()) >= 3, 45_000);
    await ground.finishSignIn(alice);
    assert.equal(await call, whoIsAlice);
    assert.ok(Date.now() - sentAtMs > 30_000);
    const answered = ground.server('tickets').requests.filter(({ tool }) => tool === 'whoami');
    assert.equal(answered.length, callsBefore + 1, 'It was sent once, after the sign-in.');
  });
});

describe('a server that was never reached', () => {
  let ground: Ground;

  before(async () => {
    ground = await Ground.start({ tickets: {} });
  });
  after(() => ground.stop());

  it('fails its start with instructions, and is started by itself after the sign-in', async () => {
    const { editor } = ground;
    await ground.status(({ text }) => text === 'MCP: signed out');
    await editor.storedDefinitions();
    await editor.startServer(serverId('tickets')).catch(() => undefined);
    assert.deepEqual(ground.server('tickets').sessions, []);
    await editor.clickNotification('“tickets” needs you to sign in', 'Sign In');
    await ground.finishSignIn(alice);
    const whoami = await ground.tool('tickets', 'whoami');
    assert.equal(await editor.invokeTool(whoami), whoIsAlice);
    assert.equal(ground.server('tickets').sessions.length, 1);
  });
});
