import assert from 'node:assert/strict';
import { Announcer } from '../../../src/core/announcer.js';
import type { Storage } from '../../../src/core/storage.js';
import { Unlocking } from '../../../src/vscode/accounts/unlocking.js';
import { FakeEditor } from '../../support/fake-editor.js';
import { RecordingLog } from '../../support/recording-log.js';

const aMoment = () => new Promise((resolve) => setImmediate(resolve));

describe('the notification that says what is locked', () => {
  const setUp = () => {
    const asks = new Announcer<boolean>(assert.ifError);
    const storage: Pick<Storage, 'isLocked' | 'onDidAsk' | 'isPassphraseNew'> = {
      isLocked: true,
      onDidAsk: (listener) => asks.listen(listener),
      isPassphraseNew: () => Promise.resolve(false),
    };
    const editor = new FakeEditor();
    const unlocking = new Unlocking(editor.api, storage as Storage, new RecordingLog());
    const ask = (isCall: boolean) => asks.announce(isCall);
    return { editor, unlocking, ask };
  };
  const text = /^Your MCP credentials are locked\.$/;

  it('comes for a start too, once', async () => {
    const { editor, ask } = setUp();
    ask(false);
    (await editor.window.message(text)).close();
    ask(false);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
  });

  it('comes again after it was closed when one more call waits, one at a time', async () => {
    const { editor, ask } = setUp();
    ask(true);
    const first = await editor.window.message(text);
    ask(true);
    await aMoment();
    first.close();
    await aMoment();
    ask(false);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
    ask(true);
    ask(true);
    (await editor.window.message(text)).close();
    assert.equal(editor.window.messages.length, 2);
  });

  it('comes again after a click whose passphrase was not entered, and not while it is asked for', async () => {
    const { editor, ask } = setUp();
    ask(true);
    (await editor.window.message(text)).press('Unlock');
    const box = await editor.window.input(/passphrase/);
    ask(true);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
    box.hide();
    await aMoment();
    ask(true);
    (await editor.window.message(text)).close();
  });
});
