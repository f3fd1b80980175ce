import assert from 'node:assert/strict';
import type { Variables } from '../../../src/vscode/settings/environment.js';
import { Settings, type SettingsManifest } from '../../../src/vscode/settings/settings.js';
import { manifest } from '../../support/editor-settings.js';
import { FakeEditor } from '../../support/fake-editor.js';
import { RecordingLog } from '../../support/recording-log.js';

const setting = 'mcpCredentials.signInWaitSeconds';
const variable = 'MCP_CREDENTIALS_SIGN_IN_WAIT_SECONDS';

describe('a setting', () => {
  function settingsOf(value: unknown, variables: Variables = {}, declared: object = manifest) {
    const editor = new FakeEditor({ user: { [setting]: value } });
    const settings = new Settings(editor.api, declared as SettingsManifest, variables, new RecordingLog());
    return { editor, settings };
  }
  const read = (value: unknown, variables?: Variables) =>
    settingsOf(value, variables).settings.number('signInWaitSeconds');

  it('has the value that the user gave it', () => {
    assert.equal(read(5), 5);
    assert.equal(read(0), 0);
  });

  for (const [wrong, shown] of [
    [null, 'null'],
    ['5', '"5"'],
    [5.5, '5.5'],
    [-1, '-1'],
    [3601, '3601'],
    [{}, '{}'],
    ['a-secret-in-the-wrong-place', '"a-sec…"'],
  ] as const) {
    it(`has the manifest’s default instead of ${JSON.stringify(wrong)}, which is a mistake to be named`, () => {
      const { settings } = settingsOf(wrong);
      assert.equal(settings.number('signInWaitSeconds'), 120);
      assert.deepEqual(settings.problems, [
        { place: setting, message: `is ${shown}, and must be a whole number from 0 to 3600` },
      ]);
    });
  }

  it('has the manifest’s default when nobody gave it one', () => {
    assert.equal(read(undefined), 120);
    assert.deepEqual(settingsOf(undefined).settings.problems, []);
  });

  it('is given by the environment when the user gives none, or a wrong one', () => {
    assert.equal(read(undefined, { [variable]: '7' }), 7);
    assert.equal(read(5, { [variable]: '7' }), 5);
    assert.equal(read('five', { [variable]: '7' }), 7);
    assert.equal(read(undefined, { [variable]: 'seven' }), 120);
  });

  it('is looked at again when it changes, before anybody is told', () => {
    const { editor, settings } = settingsOf('five');
    const seen: unknown[] = [];
    settings.onDidChange(() => seen.push(settings.number('signInWaitSeconds'), settings.problems.length));
    editor.settings.set('user', setting, 5);
    editor.settings.set('user', 'another.extension', 1);
    assert.deepEqual(seen, [5, 0]);
    settings.dispose();
    editor.settings.set('user', setting, 6);
    assert.equal(seen.length, 2);
  });

  it('that the manifest does not declare is a mistake of ours', () => {
    assert.throws(() => settingsOf(5).settings.number('signInWaitSecond'), RangeError);
  });

  it('that differs from its default is listed with its source, and without words of the user’s own', () => {
    const properties = {
      [setting]: { type: 'integer', default: 120 },
      'mcpCredentials.servers': { type: 'object', default: {} },
      'mcpCredentials.refresh.leadMinutes': { type: 'string', default: 'fast', enum: ['fast', 'slow'] },
      'mcpCredentials.sessions.keepDays': { type: 'string', default: '' },
      'mcpCredentials.sessions.keepCount': { type: 'boolean', default: true },
    };
    const variables = {
      MCP_CREDENTIALS_SERVERS: '{ "mail-of-alice": {} }',
      MCP_CREDENTIALS_REFRESH_LEAD_MINUTES: 'slow',
      MCP_CREDENTIALS_SESSIONS_KEEP_DAYS: '/home/alice',
      MCP_CREDENTIALS_SESSIONS_KEEP_COUNT: 'true',
    };
    const { settings } = settingsOf(5, variables, { contributes: { configuration: { properties } } });
    assert.deepEqual(settings.changed(), [
      { id: setting, source: 'settings.json', value: 5 },
      { id: 'mcpCredentials.servers', source: 'environment' },
      { id: 'mcpCredentials.refresh.leadMinutes', source: 'environment', value: 'slow' },
      { id: 'mcpCredentials.sessions.keepDays', source: 'environment' },
    ]);
    assert.deepEqual(settingsOf('wrong').settings.changed(), [], 'The default counts.');
  });

  it('is out of a workspace’s reach unless its scope says otherwise', () => {
    const declared = (scope: string) => ({
      contributes: { configuration: { properties: { [setting]: { type: 'integer', default: 1, scope } } } },
    });
    const given = { key: setting, globalValue: 2, workspaceValue: 3, workspaceFolderValue: 'four' };
    const { api } = new FakeEditor();
    const workspace = {
      getConfiguration: () => ({ inspect: () => given }),
      onDidChangeConfiguration: () => ({ dispose: () => undefined }),
    };
    const readAt = (scope: string) => {
      const vs = { l10n: api.l10n, workspace } as unknown as typeof api;
      const settings = new Settings(vs, declared(scope), {}, new RecordingLog());
      return [settings.number('signInWaitSeconds'), settings.problems.length];
    };
    assert.deepEqual(readAt('application'), [2, 0]);
    assert.deepEqual(readAt('machine'), [2, 0]);
    assert.deepEqual(readAt('window'), [3, 1], 'the folder’s value is wrong, so the next one counts');
  });
});
