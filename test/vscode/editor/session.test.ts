import assert from 'node:assert/strict';
import type { VSCode } from '../../../src/vscode/editor/api.js';
import { sessionName } from '../../../src/vscode/editor/session.js';

const editorWith = (sessionId: string) => ({ env: { sessionId } }) as unknown as VSCode;

describe('the name of a session', () => {
  it('is the editor’s own', () => {
    assert.equal(sessionName(editorWith('one')), 'one');
  });

  it('is another each time where telemetry is off and the editor calls all of them the same', () => {
    const editor = editorWith('someValue.sessionId');
    assert.notEqual(sessionName(editor), sessionName(editor));
    assert.doesNotMatch(sessionName(editor), /someValue/);
  });
});
