import assert from 'node:assert/strict';
import type { UnusableReason } from '../../src/core/importing.js';
import { isWorkspaceFile, naiveUtc, parseWorkspaceFile } from '../../src/import/workspace-file.js';

const endpoint = 'https://oauth2.googleapis.com/token';

/** As google_workspace_mcp writes it. */
const file = {
  token: 'ya29.a0-access',
  refresh_token: '1//0e-refresh',
  token_uri: endpoint,
  client_id: '1234-abc.apps.googleusercontent.com',
  client_secret: 'GOCSPX-secret',
  scopes: ['openid', 'https://www.googleapis.com/auth/gmail.readonly'],
  expiry: '2026-05-12T19:34:27',
};

const parse = (content: unknown, name = 'alice@example.com.json') =>
  parseWorkspaceFile(typeof content === 'string' ? content : JSON.stringify(content), name, [endpoint]);

describe('a credential file of google_workspace_mcp', () => {
  it('says who, with what, for which client and until when', () => {
    const found = parse(file, 'Alice@Example.com.json');
    assert.ok(found.kind === 'google');
    const { email, client, tokens } = found;
    assert.equal(email, 'alice@example.com');
    assert.deepEqual([client.clientId, client.clientSecret?.reveal()], [file.client_id, file.client_secret]);
    assert.deepEqual(
      [tokens.accessToken?.reveal(), tokens.refreshToken.reveal()],
      [file.token, file.refresh_token],
    );
    assert.deepEqual(tokens.scopes, file.scopes);
    assert.equal(tokens.expiresAtMs, Date.parse('2026-05-12T19:34:27Z'));
  });

  it('says who in URL encoding, as current versions name it', () => {
    const found = parse(file, 'Alice%2Bwork@example.com.json');
    assert.ok(found.kind === 'google');
    assert.equal(found.email, 'alice+work@example.com');
    for (const name of [
      'alice%zz@example.com',
      'alice%20b@example.com',
      'alice%0A@example.com',
      'a%40b@c%22.com',
    ])
      assert.deepEqual(parse(file, `${name}.json`), { kind: 'unusable', why: 'no-email' }, name);
  });

  it('may lack what only saves a renewal', () => {
    const { refresh_token, client_id } = file;
    const found = parse({ refresh_token, client_id, token: null, expiry: null, scopes: null });
    assert.ok(found.kind === 'google');
    assert.deepEqual(Object.keys(found.tokens).sort(), ['refreshToken', 'scopes']);
    assert.deepEqual(Object.keys(found.client), ['clientId']);
  });

  const damaged: readonly [string, unknown, UnusableReason, string?][] = [
    ['is cut off', JSON.stringify(file).slice(0, 80), 'not-json'],
    ['is empty', '', 'not-json'],
    ['is a list', [file], 'not-json'],
    ['has no refresh token', { ...file, refresh_token: null }, 'no-refresh-token'],
    ['has an empty refresh token', { ...file, refresh_token: '' }, 'no-refresh-token'],
    ['has a refresh token of two lines', { ...file, refresh_token: 'a\nb' }, 'no-refresh-token'],
    ['has no client', { ...file, client_id: undefined }, 'no-client'],
    ['is renewed elsewhere', { ...file, token_uri: 'https://oauth2.example.com/token' }, 'another-issuer'],
    [
      'is renewed without encryption',
      { ...file, token_uri: 'http://oauth2.googleapis.com/token' },
      'another-issuer',
    ],
    [
      'is renewed at an address that looks alike',
      { ...file, token_uri: `${endpoint}@x.example` },
      'another-issuer',
    ],
    ['is renewed nowhere', { ...file, token_uri: 7 }, 'another-issuer'],
    ['is named after nobody', file, 'no-email', 'credentials.json'],
    ['is named after two', file, 'no-email', 'a@b@c.json'],
    ['has a name with a line break', file, 'no-email', 'a\n@example.com.json'],
  ];
  for (const [title, content, why, name] of damaged) {
    it(`is left out when it ${title}`, () => {
      assert.deepEqual(parse(content, name), { kind: 'unusable', why });
    });
  }

  it('is none of the files that lie beside it', () => {
    const names = [
      'alice@example.com.json',
      'oauth_states.json',
      '.oauth_states.json',
      '.x@y.json',
      'a@b.txt',
    ];
    assert.deepEqual(names.filter(isWorkspaceFile), ['alice@example.com.json']);
  });
});

describe('an expiry as Python writes it', () => {
  for (const [text, iso] of [
    ['2026-05-12T19:34:27', '2026-05-12T19:34:27.000Z'],
    ['2026-05-12T19:34:27.123456', '2026-05-12T19:34:27.123Z'],
    ['2026-05-12 19:34:27', '2026-05-12T19:34:27.000Z'],
    ['2026-05-12T19:34:27Z', '2026-05-12T19:34:27.000Z'],
    ['2026-05-12T19:34:27+00:00', '2026-05-12T19:34:27.000Z'],
    ['2026-05-12T21:34:27+0200', '2026-05-12T19:34:27.000Z'],
    ['2026-13-12T19:34:27', undefined],
    ['2026-05-12', undefined],
    ['1747078467', undefined],
    [1747078467, undefined],
    [null, undefined],
    ['1900-01-01T00:00:00', undefined],
  ] as const) {
    it(`${String(text)} is ${iso ?? 'none'}`, () => {
      const ms = naiveUtc(text);
      assert.equal(ms === undefined ? undefined : new Date(ms).toISOString(), iso);
    });
  }
});
