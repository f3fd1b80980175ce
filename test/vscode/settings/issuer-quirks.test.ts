import assert from 'node:assert/strict';
import { parseQuirks as parseQuirksAt } from '../../../src/vscode/settings/issuer-quirks.js';
import { BrokerWindow } from '../../support/broker-window.js';
import { FakeEditor } from '../../support/fake-editor.js';

const place = 'mcpCredentials.issuerQuirks';
const issuer = 'https://login.example.com';
const reason = 'set in mcpCredentials.issuerQuirks';
const { l10n } = new FakeEditor().api;
const parseQuirks = (value: unknown) => parseQuirksAt(l10n, value, place);

describe('the setting mcpCredentials.issuerQuirks', () => {
  it('takes everything that there is', () => {
    const all = {
      omitResource: true,
      assumePkce: false,
      omitConsent: true,
      mayOmitIss: true,
      scopeParameter: 'user_scope',
      scopeSeparator: ',',
      responseIssuer: 'https://as.example.com',
      withoutScopes: ['offline_access'],
      parameters: { audience: 'api' },
    };
    assert.deepEqual(parseQuirks({ [issuer]: all }), {
      quirks: [{ issuer, reason, ...all }],
      problems: [],
    });
    assert.deepEqual(parseQuirks(undefined), { quirks: [], problems: [] });
  });

  const wrong: readonly (readonly [name: string, entry: unknown, message: RegExp])[] = [
    ['that is no object', true, /^must be an object with exceptions, not true$/],
    [
      'with a mistyped member',
      { omitResources: true },
      /^"omitResources" is not known here; there is "omitResource"/,
    ],
    ['with a text for a switch', { omitResource: 'yes' }, /^must be true or false where it is "yes"$/],
    ['with an issuer that is no address', { responseIssuer: 'as' }, /^"responseIssuer": "as" is not a URL$/],
    [
      'with a list of numbers',
      { withoutScopes: [1] },
      /^"withoutScopes" must be a list of scopes, not \[1\]$/,
    ],
    [
      'with a number as a parameter',
      { parameters: { a: 1 } },
      /^"parameters" must be an object: name → text/,
    ],
  ];
  for (const [name, entry, message] of wrong) {
    it(`leaves out an entry ${name}, says what belongs there, and keeps the others`, () => {
      const { quirks, problems } = parseQuirks({ [issuer]: entry, 'https://b.example.com': {} });
      assert.deepEqual(
        quirks.map((quirk) => quirk.issuer),
        ['https://b.example.com'],
      );
      assert.deepEqual([problems.length, problems[0]?.place, problems[0]?.label], [1, place, issuer]);
      assert.match(problems[0]?.message ?? '', message);
    });
  }

  it('is for issuers that may be asked', () => {
    const { problems } = parseQuirks({ 'http://login.example.com': {}, ours: {} });
    assert.deepEqual(
      problems.map(({ message }) => message.replace(/^"[^"]*" /, '')),
      ['is not encrypted: http is only for this computer', 'is not a URL'],
    );
    assert.match(parseQuirks([]).problems[0]?.message ?? '', /must be an object/);
  });

  it('has a mistake named as those of other settings are', async () => {
    const window = new BrokerWindow({ user: { [place]: { ours: {} } } });
    await window.ready;
    assert.ok(window.log(/mcpCredentials\.issuerQuirks, entry "ours": "ours" is not a URL/));
    await window.close();
  });
});
