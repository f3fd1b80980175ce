import assert from 'node:assert/strict';
import { askingMcpServer } from '../../support/asking-mcp-server.js';
import { LegacySseServer } from '../../support/legacy-sse-server.js';
import { startMcpServer } from '../../support/mcp-server.js';
import { buildMcpServer } from '../../support/mcp-tools.js';
import { ScriptedResource } from '../../support/scripted-resource.js';
import { alice } from '../../support/test-users.js';
import { Ground, serverId } from '../ground.js';
import { until } from '../until.js';

const whoami = 'mcp_tickets_whoami';
const whoIsAlice = 'alice@example.com (Alice)';

describe('the proxy in the editor', () => {
  const ground = new Ground();

  before(() => ground.open({ tickets: {} }));
  after(() => ground.stop());
  afterEach(() => {
    // The editor's own sign-in would begin with a dialog.
    const dialogs = ground.editor.everyDialog().filter((text) => !text.includes('language model call'));
    assert.deepEqual(dialogs, []);
  });

  /** Has another server beside `tickets` and Alice signed in for it, for as long as `use` takes. */
  const withServer = async (label: string, url: string, use: () => Promise<void>) => {
    const entries = { tickets: ground.entry('tickets'), [label]: { type: 'http', url } };
    await ground.editor.updateSetting('mcpCredentials.servers', entries);
    await ground.signIn(alice, label);
    await use().finally(() =>
      ground.editor.updateSetting('mcpCredentials.servers', { tickets: ground.entry('tickets') }),
    );
  };

  it('lets a server that was never reached fail with instructions, and starts it by itself after the sign-in', async () => {
    const { editor } = ground;
    await ground.status(({ text }) => text === 'MCP: signed out');
    assert.match(await ground.failedStart('tickets'), /Run “MCP Credentials: Sign In”/);
    assert.deepEqual(ground.server('tickets').sessions, []);
    await editor.clickNotification('needs you to sign in', 'Sign In');
    await ground.finishSignIn(alice);
    assert.equal(await ground.tool('tickets', 'whoami'), whoami);
    assert.equal(await editor.invokeTool(whoami), whoIsAlice);
    assert.equal(ground.server('tickets').sessions.length, 1);
  });

  it('keeps its connection to the server from call to call', async () => {
    const server = ground.server('tickets');
    const before = server.requests.length;
    for (let call = 0; call < 3; call++) assert.equal(await ground.editor.invokeTool(whoami), whoIsAlice);
    const calls = server.requests.slice(before).filter(({ tool }) => tool === 'whoami');
    assert.equal(calls.length, 3);
    assert.equal(new Set(calls.map(({ connection }) => connection)).size, 1);
  });

  it('serves a server of the older transport', async () => {
    const { editor, issuer } = ground;
    const resource = await ScriptedResource.start(issuer.issuer);
    const legacy = new LegacySseServer({
      build: () => buildMcpServer('older', []),
      endpoint: (session) => `/mcp/messages?sessionId=${session}`,
      messagesPath: '/mcp/messages',
    });
    resource.handle = (req, res, body) => legacy.handle(req, res, body);
    await withServer('older', resource.url, async () => {
      const fail = await ground.start('older', 'fail');
      assert.equal(await editor.invokeTool(fail), 'This tool always fails.');
      assert.equal(legacy.openStreams, 1);
      await editor.stopServer(serverId('older'));
      await until('end of the stream', () => legacy.openStreams === 0);
    }).finally(() => resource.close());
  });

  it('takes what a server asks during a call to the editor, its model and its user, and the answers back', async () => {
    const { editor, issuer } = ground;
    const full = await startMcpServer({
      issuer: issuer.issuer,
      name: 'full',
      answers: 'sse',
      build: askingMcpServer,
    });
    await withServer('full', full.url, async () => {
      const sampled = editor.invokeTool(await ground.start('full', 'sample'));
      await editor.clickDialog('Allow in this Session');
      assert.match(await sampled, /^The model: .*No MCP server offers a tool yet/);
      const answer = editor.invokeTool(await ground.tool('full', 'elicit'));
      await editor.clickNotification('Which colour?', 'Respond');
      await editor.pickQuickPick('green');
      assert.equal(await answer, 'accept {"colour":"green"}');
    }).finally(() => full.close());
  });

  it('asks for the permissions that a tool lacks in one notification; the call waits, and then completes', async () => {
    const { editor, issuer } = ground;
    const scoped = await startMcpServer({
      issuer: issuer.issuer,
      name: 'scoped',
      answers: 'sse',
      toolScopes: { whoami: ['mcp:write'] },
    });
    await withServer('scoped', scoped.url, async () => {
      const name = await ground.start('scoped', 'whoami');
      const before = issuer.counts().authorizationRequests;
      const answer = editor.invokeTool(name);
      const { text, buttons } = await editor.notification('needs more permissions');
      assert.equal(text, 'The MCP server “scoped” needs more permissions of alice@example.com: "mcp:write".');
      assert.deepEqual(buttons, ['Allow…']);
      await editor.screenshot('more-permissions');
      await editor.clickNotification('needs more permissions', 'Allow…');
      assert.match(await ground.finishSignIn(alice), /You are signed in/);
      assert.equal(await answer, whoIsAlice);
      assert.equal(await editor.invokeTool(name), whoIsAlice, 'Nobody is asked again.');
      assert.equal(issuer.counts().authorizationRequests, before + 1);
      assert.deepEqual(await editor.notifications(), []);
    }).finally(() => scoped.close());
  });

  it('lets a call go on although the server has forgotten its session', async () => {
    const server = ground.server('tickets');
    const before = server.sessions.length;
    await server.endSessions();
    assert.equal(await ground.editor.invokeTool(whoami), whoIsAlice);
    assert.equal(server.sessions.length, before + 1);
  });

  it('says which server is away, and works again when it is back', async () => {
    const { editor } = ground;
    const server = ground.server('tickets');
    await server.unplug();
    assert.match(
      await editor.invokeTool(whoami),
      new RegExp(`“tickets” at 127\\.0\\.0\\.1:${server.port} does not answer`),
    );
    await server.plugIn();
    assert.equal(await editor.invokeTool(whoami), whoIsAlice);
  });

  it('outlasts a network that is away for longer than a token lives, and asks nobody', async () => {
    const { editor, issuer } = ground;
    const server = ground.server('tickets');
    const [before, sessions] = [issuer.counts(), server.sessions.length];
    await Promise.all([issuer.unplug(), server.unplug()]);
    await until('word about the next attempt', async () => /next attempt/.test(await ground.statusTooltip()));
    const away = await until('token that has ended', async () => {
      const text = await editor.invokeTool(whoami);
      return text.includes('The authorization server for “tickets” does not answer.') && text;
    });
    assert.match(away, /The sign-in is kept; next attempt in/);
    await Promise.all([issuer.plugIn(), server.plugIn()]);
    await until('answer', async () => (await editor.invokeTool(whoami)) === whoIsAlice, 60_000);
    const { signIns, authorizationRequests, refusedRefreshes } = issuer.counts();
    assert.deepEqual(
      [signIns, authorizationRequests, refusedRefreshes],
      [before.signIns, before.authorizationRequests, 0],
    );
    assert.equal(server.sessions.length, sessions);
    assert.deepEqual(await editor.notifications(), []);
  });

  it('starts a server from what it said before, although the user has signed out', async () => {
    const { editor } = ground;
    const server = ground.server('tickets');
    await editor.runCommand('MCP Credentials: Sign Out…');
    await editor.notification('Signed out');
    await ground.status(({ text }) => text === 'MCP: signed out');
    await editor.reload();
    const before = server.requests.length;
    assert.equal(await ground.start('tickets', 'whoami'), whoami);
    assert.deepEqual(server.requests.slice(before), []);
    const call = editor.invokeTool(whoami);
    await editor.clickNotification('“tickets” needs you to sign in', 'Sign In');
    await ground.finishSignIn(alice);
    assert.equal(await call, whoIsAlice);
  });
});
