import assert from 'node:assert/strict';
import { missingScopes, readBearerChallenge, type BearerChallenge } from '../../src/oauth/challenge.js';

describe('readBearerChallenge', () => {
  const metadata = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';
  const rows: readonly (readonly [string, string | undefined, BearerChallenge | undefined])[] = [
    ['no challenge', undefined, undefined],
    ['an empty header', '', undefined],
    ['nonsense', '"=,,', undefined],
    ['another scheme alone (RFC 7617)', 'Basic realm="x"', undefined],
    [
      'a parameter that mentions the scheme',
      'Basic realm="Bearer resource_metadata=https://evil"',
      undefined,
    ],
    ['a bare challenge (RFC 6750 §3)', 'Bearer', {}],
    ['one for bound tokens (RFC 9449 §7.1)', 'DPoP algs="ES256", scope="a"', { scopes: ['a'], isDpop: true }],
    ['one for any token beside that', 'DPoP algs="ES256", Bearer scope="a"', { scopes: ['a'] }],
    ['a realm alone (RFC 6750 §3)', 'Bearer realm="mcp"', {}],
    [
      'the metadata address (RFC 9728 §5.1)',
      `Bearer resource_metadata="${metadata}"`,
      { resourceMetadata: metadata },
    ],
    [
      'an error (RFC 6750 §3.1)',
      'Bearer error="invalid_token", error_description="Ended"',
      { error: 'invalid_token' },
    ],
    ['scopes (RFC 6750 §3)', 'Bearer scope="mcp:read mcp:write"', { scopes: ['mcp:read', 'mcp:write'] }],
    ['too much space between scopes', 'Bearer scope=" a  b "', { scopes: ['a', 'b'] }],
    ['an empty scope', 'Bearer scope=""', {}],
    [
      'a token in place of a quoted string (RFC 9110 §11.2)',
      'Bearer error=invalid_token, scope=a',
      { error: 'invalid_token', scopes: ['a'] },
    ],
    ['the scheme in capitals (RFC 9110 §11.1)', 'BEARER error="invalid_token"', { error: 'invalid_token' }],
    ['parameter names in capitals (RFC 9110 §11.2)', 'Bearer SCOPE="a"', { scopes: ['a'] }],
    [
      'a comma in a quoted string (RFC 9110 §5.6.4)',
      'Bearer realm="a, scope=evil", scope="good"',
      { scopes: ['good'] },
    ],
    [
      'an escaped quote (RFC 9110 §5.6.4)',
      'Bearer realm="say \\"scope=evil\\"", scope="good"',
      { scopes: ['good'] },
    ],
    [
      'a challenge after another (RFC 9110 §11.6.1)',
      `Basic realm="x", Bearer resource_metadata="${metadata}"`,
      { resourceMetadata: metadata },
    ],
    [
      'a challenge before another (RFC 9110 §11.6.1)',
      'Bearer scope="a", Basic realm="x", charset="UTF-8"',
      { scopes: ['a'] },
    ],
    [
      'one between two, with a token68 (RFC 9110 §11.2)',
      'Negotiate YWJj==, Bearer scope="a", DPoP algs="ES256"',
      { scopes: ['a'] },
    ],
    [
      'a challenge after a bare scheme, a space and a comma (RFC 9110 §5.6.1)',
      'Negotiate , Bearer scope="a , b"',
      { scopes: ['a', ',', 'b'] },
    ],
    [
      'an address and a scope without quotation marks',
      `Bearer resource_metadata=${metadata}, scope=mcp:read`,
      { resourceMetadata: metadata, scopes: ['mcp:read'] },
    ],
    [
      'what stands beside a list that lacks its quotation marks',
      `Bearer scope=mcp:read mcp:write, resource_metadata="${metadata}"`,
      { resourceMetadata: metadata, scopes: ['mcp:read'] },
    ],
    [
      'a challenge after one with an odd parameter',
      `Digest nonce=YWJj==, realm="x", Bearer resource_metadata="${metadata}"`,
      { resourceMetadata: metadata },
    ],
    [
      'a challenge after what nobody can read',
      `@ "x, Bearer scope=evil" =, Bearer scope="good"`,
      { scopes: ['good'] },
    ],
    [
      'a challenge before a quoted string that never ends',
      'Bearer scope="a", error="x\\"',
      { scopes: ['a'] },
    ],
    ['a word behind a value as no challenge', 'Bearer scope=a DPoP, error=b', { scopes: ['a'], error: 'b' }],
    [
      'the metadata address that the second of two names',
      `Bearer realm="gateway", Bearer resource_metadata="${metadata}"`,
      { resourceMetadata: metadata },
    ],
    [
      'the metadata address that only the one for bound tokens names',
      `Bearer, DPoP algs="ES256", resource_metadata="${metadata}"`,
      { resourceMetadata: metadata },
    ],
    [
      'only what can be a scope (RFC 6749 §3.3)',
      'Bearer scope="a\tb c\\"d e \u00e9", DPoP scope="f"',
      { scopes: ['e'] },
    ],
    ['the first of two values of one name', 'Bearer scope="a", scope="b"', { scopes: ['a'] }],
  ];
  for (const [what, header, expected] of rows) {
    it(`reads ${what}`, () => {
      const headers = new Headers(header === undefined ? {} : { 'www-authenticate': header });
      assert.deepEqual(readBearerChallenge(headers), expected);
    });
  }

  it('reads the one in a header line of its own (RFC 9110 §5.3)', () => {
    const headers = new Headers();
    headers.append('www-authenticate', 'Basic realm="x"');
    headers.append('www-authenticate', 'Bearer scope="a b"');
    assert.deepEqual(readBearerChallenge(headers), { scopes: ['a', 'b'] });
  });
});

describe('missingScopes (RFC 6750 §3.1)', () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[] | undefined])[] = [
    ['nothing', [], undefined],
    ['another error', ['Bearer error="invalid_token", scope="a"'], undefined],
    ['no scope', ['Bearer error="insufficient_scope"'], undefined],
    ['scopes', ['Bearer error="insufficient_scope", scope="a b"'], ['a', 'b']],
    [
      'scopes after another challenge',
      ['Basic realm="x"', 'Bearer error=insufficient_scope, scope=a'],
      ['a'],
    ],
    [
      'what no scope may contain (RFC 6749 §3.3)',
      ['Bearer error="insufficient_scope", scope="a\tb c"'],
      ['c'],
    ],
    [
      'scopes that the second of two names',
      ['Bearer realm="gateway"', 'Bearer error="insufficient_scope", scope="a"'],
      ['a'],
    ],
    [
      'scopes that only the one for bound tokens names',
      ['Bearer, DPoP error="insufficient_scope", scope="a", algs="ES256"'],
      ['a'],
    ],
    [
      'the scopes of another error',
      ['Bearer error="invalid_token", scope="a"', 'Bearer error="insufficient_scope"'],
      undefined,
    ],
    [
      'scopes after a line that never ends',
      ['Basic realm="x', 'Bearer error="insufficient_scope", scope="a"'],
      ['a'],
    ],
  ];
  for (const [what, challenges, expected] of rows) {
    it(`of ${what}`, () => assert.deepEqual(missingScopes(challenges), expected));
  }
});
