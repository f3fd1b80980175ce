import assert from 'node:assert/strict';
import type { Client } from '../../../src/core/client.js';
import type { Credential, LiveCredential } from '../../../src/core/credential.js';
import { describeError, hasCode } from '../../../src/core/errors.js';
import { refusalReasons } from '../../../src/core/refusal.js';
import { Secret } from '../../../src/core/secret.js';
import {
  parseClient,
  parseCredential,
  serializeClient,
  serializeCredential,
} from '../../../src/vault/records/record.js';

const issuer = 'https://as.example.com';
const client: Client = {
  issuer,
  clientId: 'c',
  clientSecret: new Secret('client-secret-1'),
  authMethod: 'client_secret_basic',
  source: 'dynamic',
  redirectUri: 'http://127.0.0.1:1234/callback',
};
const full: LiveCredential = {
  account: { issuer, subject: 'u-1', label: 'alice@example.com' },
  client,
  resource: 'https://mcp.example.com/mcp',
  generation: 3,
  scopes: ['a', 'b'],
  tokens: {
    kind: 'alive',
    accessToken: new Secret('access-1'),
    refreshToken: new Secret('refresh-1'),
    issuedAtMs: 1000,
    expiresAtMs: 2000,
  },
};
const least: Credential = {
  ...full,
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'configured' },
  scopes: [],
  tokens: { kind: 'alive', accessToken: new Secret('access-1'), issuedAtMs: 0 },
};

/** What is stored, to be changed before it is read. */
type Stored = Record<string, unknown> & {
  readonly tokens: object;
  readonly client: object;
  readonly account: object;
};
const stored = (): Stored => JSON.parse(serializeCredential(full)) as Stored;

/** `deepEqual` cannot see into a secret, so what is stored again is compared too. */
function assertSame(actual: Credential, expected: Credential): void {
  assert.deepEqual(actual, expected);
  assert.equal(serializeCredential(actual), serializeCredential(expected));
}

describe('the stored form of a credential', () => {
  it('comes back whole', () => assertSame(parseCredential(serializeCredential(full)), full));
  it('comes back with nothing that was not there', () =>
    assertSame(parseCredential(serializeCredential(least)), least));
  for (const reason of refusalReasons) {
    it(`comes back with the refusal "${reason}"`, () => {
      for (const since of [{}, { signedInAtMs: 3 }]) {
        const tokens = { kind: 'refused', reason, refusedAtMs: 5, ...since } as const;
        const refused: Credential = { ...full, tokens };
        assertSame(parseCredential(serializeCredential(refused)), refused);
      }
    });
  }

  for (const reason of ['too-many-tokens', 'a reason of a later version'])
    it(`comes back as refused with the reason "${reason}", which this version does not know`, () => {
      const text = JSON.stringify({ ...stored(), tokens: { kind: 'refused', reason, refusedAtMs: 5 } });
      assertSame(parseCredential(text), {
        ...full,
        tokens: { kind: 'refused', reason: 'refused', refusedAtMs: 5 },
      });
    });

  it('holds the secrets, as the only place where they are text', () => {
    const text = serializeCredential(full);
    for (const value of ['access-1', 'refresh-1', 'client-secret-1']) assert.ok(text.includes(`"${value}"`));
    assert.ok(!JSON.stringify(full).includes('access-1'));
  });

  it('names its version', () => assert.equal(stored()['version'], 1));

  const damages: readonly (readonly [string, () => string])[] = [
    ['no text', () => ''],
    ['half a record', () => serializeCredential(full).slice(0, 60)],
    ['null', () => 'null'],
    ['a list', () => '[]'],
    ['another version', () => JSON.stringify({ ...stored(), version: 2 })],
    ['no version', () => JSON.stringify({ ...stored(), version: undefined })],
    ['a member nobody knows', () => JSON.stringify({ ...stored(), access_token: 'access-1' })],
    [
      'a secret in the place of a name',
      () => serializeCredential(full).replace('"accessToken":"access-1"', '"access-1":"accessToken"'),
    ],
    ['no account', () => JSON.stringify({ ...stored(), account: undefined })],
    ['an account without a subject', () => JSON.stringify({ ...stored(), account: { issuer, label: 'a' } })],
    ['a generation of 0', () => JSON.stringify({ ...stored(), generation: 0 })],
    ['half a generation', () => JSON.stringify({ ...stored(), generation: 1.5 })],
    ['scopes that are text', () => JSON.stringify({ ...stored(), scopes: 'a b' })],
    ['no tokens', () => JSON.stringify({ ...stored(), tokens: {} })],
    [
      'an empty access token',
      () => JSON.stringify({ ...stored(), tokens: { ...stored().tokens, accessToken: '' } }),
    ],
    [
      'an empty refresh token',
      () => JSON.stringify({ ...stored(), tokens: { ...stored().tokens, refreshToken: '' } }),
    ],
    [
      'a null refresh token',
      () => JSON.stringify({ ...stored(), tokens: { ...stored().tokens, refreshToken: null } }),
    ],
    [
      'an end that is text',
      () => JSON.stringify({ ...stored(), tokens: { ...stored().tokens, expiresAtMs: '2000' } }),
    ],
    [
      'a time before all time',
      () => JSON.stringify({ ...stored(), tokens: { ...stored().tokens, issuedAtMs: -1 } }),
    ],
    [
      'a refusal without its time',
      () => JSON.stringify({ ...stored(), tokens: { kind: 'refused', reason: 'x' } }),
    ],
    [
      'a client without an id',
      () => JSON.stringify({ ...stored(), client: { ...stored().client, clientId: '' } }),
    ],
    [
      'an unknown client authentication',
      () => JSON.stringify({ ...stored(), client: { ...stored().client, authMethod: 'client_secret_jwt' } }),
    ],
    ['a secret without its quotes', () => serializeCredential(full).replace('"refresh-1"', 'refresh-1')],
  ];
  for (const [what, damaged] of damages) {
    it(`is refused with ${what}, and the error repeats none of it`, () =>
      assert.throws(
        () => parseCredential(damaged()),
        (error) =>
          hasCode(error, 'record_damaged') && !/access-1|refresh-1|client-secret/.test(describeError(error)),
      ));
  }
});

describe('the stored form of a registration', () => {
  it('comes back whole', () => {
    const back = parseClient(serializeClient(client));
    assert.deepEqual(back, client);
    assert.equal(back.clientSecret?.reveal(), 'client-secret-1');
  });
  it('keeps what deletes it at the issuer, which no credential has', () => {
    const management = { uri: `${issuer}/reg/c`, token: new Secret('manage-1') };
    const back = parseClient(serializeClient({ ...client, management }));
    assert.deepEqual([back.management?.uri, back.management?.token.reveal()], [management.uri, 'manage-1']);
    const text = serializeCredential({ ...full, client: { ...client, management } });
    assert.doesNotMatch(text, /manage/);
    assertSame(parseCredential(text), full);
  });

  it('keeps its scopes and the end of its secret, which no credential has', () => {
    const more = { scopes: ['a', 'b'], secretEndsAtMs: 1_900_000_000_000 };
    const { scopes, secretEndsAtMs } = parseClient(serializeClient({ ...client, ...more }));
    assert.deepEqual({ scopes, secretEndsAtMs }, more);
    const text = serializeCredential({ ...full, client: { ...client, ...more } });
    assertSame(parseCredential(text), { ...full, client });
  });

  it('is read as earlier versions have stored it', () => {
    const stored = {
      version: 1,
      client: {
        ...{ issuer, clientId: 'c', clientSecret: 's', authMethod: 'client_secret_basic', source: 'dynamic' },
        redirectUri: 'http://127.0.0.1:1/callback',
        management: { uri: `${issuer}/reg/c`, token: 't' },
      },
    };
    const back = parseClient(JSON.stringify(stored));
    assert.deepEqual([back.clientId, back.scopes, back.secretEndsAtMs], ['c', undefined, undefined]);
  });

  it('is refused when it is damaged', () => {
    const wrong = ['', '{}', JSON.stringify({ version: 1, client: { ...client, clientSecret: 7 } })];
    for (const text of wrong)
      assert.throws(
        () => parseClient(text),
        (error) => hasCode(error, 'record_damaged'),
      );
  });
});
