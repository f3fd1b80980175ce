import assert from 'node:assert/strict';
import { useGround } from '../../support/ground.js';

describe('the facts that tick the steps of the walkthrough', () => {
  const ground = useGround();

  it('become true when they happen, and once more when a page of the editor comes up, which may be the walkthrough', async () => {
    const { window } = await ground.signedIn();
    const { editor } = window;
    const become = (key: string) =>
      editor.contextKeys.filter(([name, value]) => name === `mcpCredentials.${key}` && value === true).length;
    const before = ['hasServer', 'isSignedIn', 'hasGoogleClient'].map(become);
    assert.deepEqual(before, [1, 1, 0]);
    const last = new Map(editor.contextKeys);
    assert.deepEqual(
      [...last.values()],
      [false, false],
      'What is true when it is looked at first, never counts.',
    );
    editor.tabs.fire({ opened: [{ input: 'a file' }], changed: [] });
    assert.equal(become('hasServer'), 1);
    editor.tabs.fire({ opened: [{ input: undefined }], changed: [] });
    assert.deepEqual(['hasServer', 'isSignedIn', 'hasGoogleClient'].map(become), [2, 2, 0]);
  });
});
