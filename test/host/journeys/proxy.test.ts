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
  const ground = new Ground();
  let whoami: string;

  before(async () => {
    await ground.open({ tickets: {} });
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
});

describe('a server that was never reached', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} });
  });
  after(() => ground.stop());

  it('fails its start with instructions, and is started by itself after the sign-in', async () => {
    const { editor } = ground;
    await ground.status(({ text }) => text === 'MCP: signed out');
    await editor.storedDefinitions();
    await editor.startServer(serverId('tickets')).catch(() => undefined);
    assert.deepEqual(ground.server('tickets').sessions, []);
    await editor.clickNotification('needs you to sign in', 'Sign In');
    await ground.finishSignIn(alice);
    const whoami = await ground.tool('tickets', 'whoami');
    assert.equal(await editor.invokeTool(whoami), whoIsAlice);
    assert.equal(ground.server('tickets').sessions.length, 1);
  });
});
