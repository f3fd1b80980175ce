import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';

describe('a question in the chat', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} });
  });
  after(() => ground.stop());

  it('leads to one notification, and no browser, while nobody has signed in', async () => {
    await ground.editor.askInChat('@demo who am I?');
    await ground.editor.chatAnswer();
    const notification = await ground.editor.notification('needs you to sign in');
    assert.deepEqual(notification.buttons, ['Sign In']);
    assert.equal(ground.editor.openedPages.length, 0);
    assert.deepEqual(ground.editor.everyDialog(), []);
  });

  it('starts the server by itself after the sign-in, calls the tool and shows the result', async () => {
    const { editor } = ground;
    await editor.clickNotification('needs you to sign in', 'Sign In');
    await ground.finishSignIn(alice);
    await editor.askInChat('@demo who am I?');
    assert.match(await editor.chatAnswer(), /alice@example\.com/);
    await editor.screenshot('chat-answer');
  });

  it('waits for the click when the sign-in has expired, and then completes', async () => {
    const { editor, issuer } = ground;
    issuer.revokeGrants('alice');
    await ground.status(({ background }) => background === 'warning');
    await editor.askInChat('@demo who am I?');
    await editor.clickNotification('waits for you to sign in again', 'Sign In');
    await ground.finishSignIn(alice);
    assert.match(await editor.chatAnswer(), /alice@example\.com/);
    assert.deepEqual(editor.everyDialog(), []);
  });
});
