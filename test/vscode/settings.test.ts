import assert from 'node:assert/strict';
import { Settings, type SettingsManifest } from '../../src/vscode/settings.js';
import { manifest } from '../support/editor-settings.js';
import { FakeEditor } from '../support/fake-editor.js';

describe('a setting', () => {
  const read = (value: unknown) => {
    const { api } = new FakeEditor({ user: { 'mcpCredentials.signInWaitSeconds': value } });
    return new Settings(api, manifest as unknown as SettingsManifest).number('signInWaitSeconds');
  };

  it('has the value that the user gave it', () => {
    assert.equal(read(5), 5);
    assert.equal(read(0), 0);
  });

  for (const wrong of [undefined, null, '5', 5.5, -1, 271, {}]) {
    it(`has the manifest’s default instead of ${JSON.stringify(wrong)}`, () => {
      assert.equal(read(wrong), 120);
    });
  }

  it('that the manifest does not declare is a mistake', () => {
    const settings = new Settings(new FakeEditor().api, manifest as unknown as SettingsManifest);
    assert.throws(() => settings.number('signInWaitSecond'), RangeError);
  });
});
