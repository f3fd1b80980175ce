import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';

describe('a grant that is revoked while the editor runs', () => {
  let ground: Ground;
  let whoami: string;

  before(async () => {
    ground = await Ground.start(
      { tickets: {} },
      { editor: { settings: { 'mcpCredentials.signInWaitSeconds': 20 } } },
    );
    await ground.signIn(alice);
    whoami = await ground.start('tickets', 'whoami');
  });
  after(() => ground.stop());

  const waitingForUser = async () => {
    ground.issuer.revokeGrants('alice');
    return until('warning in the status bar', async () => {
      const item = await ground.editor.statusBarItem('mcpCredentials.status');
      return item.background === 'warning' ? item : undefined;
    });
  };

  it('turns the status bar to a warning and asks once, with the reason', async () => {
    const item = await waitingForUser();
    assert.equal(item.text, 'Sign in: alice@example.com');
    const notification = await ground.editor.notification('alice@example.com');
    assert.match(notification.text, /expired or was revoked.*“tickets” waits for you to sign in again/);
    assert.deepEqual(notification.buttons, ['Sign In']);
    await ground.editor.screenshot('revoked-light');
  });

  it('lets the waiting call go on after the click and the login', async () => {
    const { editor } = ground;
    const calls = [editor.invokeTool(whoami), editor.invokeTool(whoami)];
    await editor.clickNotification('“tickets” waits', 'Sign In');
    await ground.finishSignIn(alice);
    for (const call of calls) assert.match(await call, /^alice@example\.com/);
    assert.equal((await editor.notifications()).length, 0);
    assert.deepEqual(await editor.dialogs(), []);
    assert.equal(ground.server('tickets').sessions.length, 1);
  });

  it('ends a call with instructions when nobody clicks', async () => {
    const { editor } = ground;
    await waitingForUser();
    await editor.theme('dark');
    await editor.screenshot('revoked-dark');
    const pages = editor.openedPages.length;
    const answer = await editor.invokeTool(whoami);
    assert.match(answer, /expired or was revoked.*Run “MCP Credentials: Sign In” from the Command Palette/);
    assert.equal((await editor.notifications()).length, 1);
    assert.equal(editor.openedPages.length, pages);
    assert.deepEqual(await editor.dialogs(), []);
  });

  it('waits for the sign-in when the call has to start the server', async () => {
    const { editor } = ground;
    await editor.reload();
    const call = editor.invokeTool(await ground.tool('tickets', 'whoami'));
    await editor.clickNotification('“tickets” waits', 'Sign In');
    await ground.finishSignIn(alice);
    assert.match(await call, /^alice@example\.com/);
  });
});
