import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';

/** What was stored in the last minute before the end proves nothing about the storage, so it is not asked about. */
const provesAfterMs = 75_000;

const passphrase = 'correct horse battery staple';

describe('a secret storage that forgets', () => {
  const ground = new Ground();
  let startedAtMs: number;

  before(async () => {
    await ground.open({ tickets: {} }, { issuer: { accessTokenSeconds: 3_600 } });
    await ground.status();
    startedAtMs = Date.now();
    await ground.signIn(alice);
    await ground.start('tickets', 'whoami');
  });
  after(() => ground.stop());

  const whoami = async () => ground.editor.invokeTool(await ground.start('tickets', 'whoami'));

  it('is noticed at the next start, and one message says what that means', async () => {
    await wait(startedAtMs + provesAfterMs - Date.now());
    await ground.editor.page.evaluate(`localStorage.removeItem('secrets.provider')`);
    ground.editor = await ground.editor.reopen();
    const { editor } = ground;
    const { buttons } = await editor.notification('Your editor keeps secrets only until it is closed');
    assert.deepEqual(buttons, ['Use an Encrypted File', 'Keep It']);
    await ground.status(({ text }) => text === 'Sign in: alice@example.com');
    assert.match(await ground.statusTooltip(), /forgets when the editor is closed/);
    await editor.screenshot('forgetful-storage');
  });

  it('has not made the account forgotten: a click signs it in again', async () => {
    assert.match(await ground.signIn(alice, 'Again as alice@example.com'), /You are signed in/);
    assert.match(await whoami(), /^alice@example\.com/);
  });

  it('can be left for an encrypted file, which takes everything along', async () => {
    const { editor, issuer } = ground;
    await editor.clickNotification('Your editor keeps secrets only', 'Use an Encrypted File');
    await editor.notification('Reload the window to move your credentials.');
    await editor.reload();
    const answer = whoami();
    await editor.clickNotification('need a passphrase', 'Choose Passphrase');
    await editor.inputBox(/Choose a passphrase/);
    await editor.screenshot('passphrase');
    await editor.answerInputBox(/Choose a passphrase/, passphrase);
    await editor.answerInputBox(/once more/, passphrase);
    assert.match(await answer, /^alice@example\.com/);
    assert.equal(issuer.counts().authorizationRequests, 2);
    assert.deepEqual(
      await editor.find([...issuer.issuedSecrets].filter(isToken(issuer.authorizationCodes))),
      [],
    );
  });

  it('waits with a locked file for the passphrase, and the call goes on', async () => {
    ground.editor = await ground.editor.reopen();
    const { editor, issuer } = ground;
    await ground.status(({ text }) => text.includes('locked'));
    const answer = whoami();
    await editor.clickNotification('Your MCP credentials are locked.', 'Unlock');
    await editor.answerInputBox(/passphrase of your stored/, 'not the passphrase');
    await editor.inputBox(/not the passphrase/);
    await editor.screenshot('unlock');
    await editor.answerInputBox(/not the passphrase/, passphrase);
    assert.match(await answer, /^alice@example\.com/);
    assert.equal(issuer.counts().authorizationRequests, 2);
    assert.deepEqual(editor.everyDialog(), []);
  });
});

const isToken = (codes: ReadonlySet<string>) => (secret: string) => !codes.has(secret);
