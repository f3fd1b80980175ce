import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';
import type { StatusBarItem } from '../workbench-items.js';

describe('a grant that is revoked while the editor runs', () => {
  const ground = new Ground();
  let whoami: string;

  before(async () => {
    await ground.open({ tickets: {} });
    await ground.signIn(alice);
    whoami = await ground.start('tickets', 'whoami');
  });
  after(() => ground.stop());
  // The editor's own sign-in would begin with one.
  afterEach(() => assert.deepEqual(ground.editor.everyDialog(), []));

  const waitingForUser = (): Promise<StatusBarItem> => {
    ground.issuer.revokeGrants('alice');
    return ground.status(({ background }) => background === 'warning');
  };

  it('turns the status bar to a warning and asks once, with the reason', async () => {
    const item = await waitingForUser();
    assert.equal(item.text, 'Sign in: alice@example.com');
    const notification = await ground.editor.notification('alice@example.com');
    assert.match(notification.text, /expired or was revoked.*“tickets” waits for you to sign in again/);
    assert.deepEqual(notification.buttons, ['Sign In']);
    await ground.editor.screenshot('revoked-light');
  });

  it('lets the waiting calls go on after the click and the login, in the same session', async () => {
    const { editor } = ground;
    const [session] = ground.server('tickets').sessions;
    const calls = [1, 2, 3].map(() => editor.invokeTool(whoami));
    // When the companion has answered this, the calls before are on their way.
    await editor.tools();
    assert.equal((await editor.notifications()).length, 1);
    await editor.clickNotification('“tickets” waits', 'Sign In');
    await ground.finishSignIn(alice);
    for (const call of calls) assert.equal(await call, 'alice@example.com (Alice)');
    await ground.status(({ background }) => background === 'none');
    assert.deepEqual(await editor.notifications(), []);
    assert.deepEqual(ground.server('tickets').sessions, [session]);
  });

  it('ends a call with instructions when nobody clicks', async () => {
    const { editor } = ground;
    await editor.updateSetting('mcpCredentials.signInWaitSeconds', 3);
    await waitingForUser();
    await editor.theme('dark');
    await editor.screenshot('revoked-dark');
    const pages = editor.openedPages.length;
    const said = /expired or was revoked.*Run “MCP Credentials: Sign In” from the Command Palette/;
    assert.match(await editor.invokeTool(whoami), said);
    assert.match(await editor.invokeTool(whoami), said);
    assert.equal((await editor.notifications()).length, 1);
    assert.equal(editor.openedPages.length, pages);
  });

  it('starts a server from what it said before; the first call waits, and goes on after the next sign-in', async () => {
    const { editor } = ground;
    const server = ground.server('tickets');
    await editor.updateSetting('mcpCredentials.signInWaitSeconds', undefined);
    await editor.reload();
    const [requests, sessions] = [server.requests.length, server.sessions.length];
    assert.equal(await ground.start('tickets', 'whoami'), whoami);
    assert.deepEqual(server.requests.slice(requests), []);
    const call = editor.invokeTool(whoami);
    await editor.clickNotification('“tickets” waits for you to sign in again', 'Sign In');
    await ground.finishSignIn(alice);
    assert.equal(await call, 'alice@example.com (Alice)');
    const [session, ...others] = server.sessions.slice(sessions);
    assert.deepEqual(others, []);
    const methods = session?.calls.map(({ rpcMethod }) => rpcMethod) ?? [];
    assert.deepEqual(
      [methods[0], methods.filter((method) => method === 'tools/call').length],
      ['initialize', 1],
    );
  });

  it('keeps a call alive with heartbeats for as long as the user takes, and sends it to the server once', async () => {
    const { editor } = ground;
    const server = ground.server('tickets');
    const calls = () => server.requests.filter(({ tool }) => tool === 'whoami').length;
    await waitingForUser();
    const [before, callsBefore, sentAtMs] = [await editor.heartbeats(), calls(), Date.now()];
    const call = editor.invokeTool(whoami);
    await editor.clickNotification('waits for you to sign in again', 'Sign In');
    // After two seconds, and then every fifteen.
    await until('third heartbeat', async () => (await editor.heartbeats()) >= before + 3, 45_000);
    assert.equal(calls(), callsBefore);
    await ground.finishSignIn(alice);
    assert.equal(await call, 'alice@example.com (Alice)');
    assert.ok(Date.now() - sentAtMs > 30_000);
    assert.equal(calls(), callsBefore + 1);
  });
});
