import assert from 'node:assert/strict';
import { hostedServers } from '../../src/google/hosted-servers.js';
import { googleScopeText, missingGoogleScopes } from '../../src/google/scopes.js';
import { googleScope, googleServices } from '../../src/google/services.js';

describe('Google’s scopes', () => {
  const rows: readonly (readonly [granted: string, wanted: string, isCovered: boolean])[] = [
    ['gmail.modify', 'gmail.readonly', true],
    ['gmail.modify', 'gmail.send', true],
    ['gmail.modify', 'gmail.labels', true],
    ['gmail.modify', 'gmail.settings.basic', false],
    ['gmail.readonly', 'gmail.modify', false],
    ['gmail.send', 'gmail.compose', false],
    ['https://mail.google.com/', 'gmail.modify', true],
    ['drive', 'drive.file', true],
    ['drive', 'spreadsheets', true],
    ['drive', 'drive.appdata', false],
    ['drive.file', 'drive.readonly', false],
    ['drive.readonly', 'documents.readonly', true],
    ['drive.readonly', 'documents', false],
    ['calendar', 'calendar.events', true],
    ['calendar.readonly', 'calendar.events', false],
    ['spreadsheets', 'spreadsheets.readonly', true],
    ['spreadsheets', 'documents.readonly', false],
    ['contacts', 'contacts.readonly', true],
    ['cloud-platform', 'bigquery', true],
    ['bigquery', 'cloud-platform', false],
    ['tasks', 'tasks.readonly', true],
    ['some.new.scope', 'some.new.scope', true],
    ['some.new.scope', 'some.new', false],
  ];
  for (const [granted, wanted, isCovered] of rows) {
    it(`${granted} ${isCovered ? 'covers' : 'does not cover'} ${wanted}`, () => {
      const asked = [granted, wanted].map((name) =>
        name.startsWith('https:') ? name : googleScope(name),
      ) as [string, string];
      assert.deepEqual(missingGoogleScopes([asked[0]], [asked[1]]), isCovered ? [] : [asked[1]]);
    });
  }

  it('count who somebody is as granted, under the long names and the short ones', () => {
    assert.deepEqual(missingGoogleScopes([], ['openid', 'email', 'profile']), []);
    assert.deepEqual(missingGoogleScopes(['email'], [googleScope('userinfo.email')]), []);
  });

  for (const { id, scopes, full, readOnly } of googleServices) {
    it(`have groups for ${id} that are in the table, and of which the one that reads is covered by the other`, () => {
      for (const scope of [...full, ...readOnly]) assert.ok(googleScopeText(scope), scope);
      assert.deepEqual(missingGoogleScopes(full, readOnly), []);
      assert.ok(
        readOnly.every((scope) => /read|metadata/.test(scope)),
        readOnly.join(' '),
      );
      for (const { name, covers = [] } of scopes)
        for (const narrower of covers) {
          assert.ok(googleScopeText(googleScope(narrower)), narrower);
          assert.notEqual(narrower, name);
        }
    });
  }

  it('are asked for by servers that Google hosts only as far as they are in the table', () => {
    assert.deepEqual(
      hostedServers.map(({ url }) => url),
      [
        ...['gmail', 'drive', 'calendar', 'docs', 'sheets', 'slides'].map(
          (product) => `https://${product}mcp.googleapis.com/mcp/v1`,
        ),
        'https://people.googleapis.com/mcp/v1',
        'https://chatmcp.googleapis.com/mcp/v1',
        'https://bigquery.googleapis.com/mcp',
      ],
    );
    for (const { label, scopes, readOnly = scopes } of hostedServers) {
      for (const scope of [...scopes, ...readOnly]) assert.ok(googleScopeText(scope), `${label}: ${scope}`);
      assert.deepEqual(missingGoogleScopes(scopes, readOnly), [], label);
      assert.ok(
        readOnly.every((scope) => /read|freebusy|profile/.test(scope)),
        `${label}: ${readOnly.join(' ')}`,
      );
    }
  });

  it('stand for all that narrower ones stand for', () => {
    const all = googleServices.flatMap(({ scopes }) => scopes);
    for (const { name, covers = [] } of all)
      for (const narrower of covers) {
        const below = all.find((scope) => scope.name === narrower)?.covers ?? [];
        assert.deepEqual(
          missingGoogleScopes([googleScope(name)], below.map(googleScope)),
          [],
          `${name} → ${narrower}`,
        );
      }
  });

  it('have words for those that are known', () => {
    assert.equal(googleScopeText(googleScope('gmail.send')), 'Gmail: send mail');
    assert.equal(googleScopeText('https://example.com/unknown'), undefined);
  });
});
