import assert from 'node:assert/strict';
import { Holdings, stateOf } from '../../../src/broker/state/holdings.js';
import { keyOf, keyText, type Credential, type LiveCredential } from '../../../src/core/credential.js';
import { Secret } from '../../../src/core/secret.js';

const issuer = 'https://as.example.com';
const account = { issuer, subject: 'u-1', label: 'alice@example.com' };
const credential: LiveCredential = {
  account,
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  resource: 'https://mcp.example.com/mcp',
  generation: 2,
  scopes: [],
  tokens: {
    kind: 'alive',
    accessToken: new Secret('a'),
    refreshToken: new Secret('r'),
    issuedAtMs: 0,
    expiresAtMs: 1000,
  },
};
const key = keyText(keyOf(credential));
const { refreshToken: _, ...last } = credential.tokens;

describe('holdings', () => {
  const open = () => {
    const holdings = new Holdings((error) => assert.ifError(error));
    const heard: string[] = [];
    holdings.onDidChange((changed) => heard.push(changed));
    return { holdings, heard };
  };

  it('take a newer generation or the same, and never an older', () => {
    const { holdings, heard } = open();
    holdings.take(credential);
    holdings.take({ ...credential, generation: 1 });
    assert.equal(holdings.get(key)?.credential.generation, 2);
    holdings.take({ ...credential, generation: 3 });
    assert.equal(holdings.get(key)?.credential.generation, 3);
    assert.deepEqual(heard, [key, key]);
  });

  it('take another record of the same generation, but no refusal in the place of a grant', () => {
    const { holdings } = open();
    const other = { ...credential, tokens: { ...credential.tokens, accessToken: new Secret('b') } };
    const refused: Credential = {
      ...credential,
      tokens: { kind: 'refused', reason: 'revoked', refusedAtMs: 1 },
    };
    holdings.take(credential);
    holdings.take(other);
    assert.equal(holdings.get(key)?.credential, other);
    holdings.take(refused);
    assert.equal(holdings.get(key)?.credential, other);
    holdings.remove(key);
    holdings.take(refused);
    holdings.take(credential);
    assert.equal(holdings.get(key)?.credential, credential);
  });

  it('tell what is going on, and forget it with a new credential', () => {
    const { holdings } = open();
    holdings.take(credential);
    holdings.setActivity(key, { kind: 'refreshing' });
    assert.equal(holdings.get(key)?.activity.kind, 'refreshing');
    holdings.take({ ...credential, generation: 3 });
    assert.equal(holdings.get(key)?.activity.kind, 'idle');
  });

  it('have nothing to say about what is not held', () => {
    const { holdings, heard } = open();
    holdings.setActivity(key, { kind: 'refreshing' });
    holdings.remove(key);
    assert.deepEqual([holdings.get(key), heard], [undefined, []]);
  });
});

describe('how a held credential is shown', () => {
  const refused: Credential = {
    ...credential,
    tokens: { kind: 'refused', reason: 'revoked', refusedAtMs: 1 },
  };
  const retrying = {
    kind: 'retrying',
    failures: 1,
    sinceMs: 0,
    nextAttemptAtMs: 9,
    code: 'issuer_unreachable',
  } as const;
  const rows = [
    ['ready, with its end', credential, { kind: 'idle' }, 0, { kind: 'ready', account, expiresAtMs: 1000 }],
    [
      'ready after its end: the next call renews it',
      credential,
      { kind: 'idle' },
      5000,
      { kind: 'ready', account, expiresAtMs: 1000 },
    ],
    ['refreshing', credential, { kind: 'refreshing' }, 0, { kind: 'refreshing', account, expiresAtMs: 1000 }],
    [
      'retrying, with the next attempt',
      credential,
      retrying,
      0,
      { kind: 'retrying', account, expiresAtMs: 1000, nextAttemptAtMs: 9, code: 'issuer_unreachable' },
    ],
    [
      'needing a sign-in when it was refused, whatever goes on',
      refused,
      retrying,
      0,
      { kind: 'needs-sign-in', account, reason: 'revoked' },
    ],
    [
      'ready while a token without successor lives',
      { ...credential, tokens: last },
      { kind: 'idle' },
      999,
      { kind: 'ready', account, expiresAtMs: 1000 },
    ],
    [
      'needing a sign-in when it has ended',
      { ...credential, tokens: last },
      { kind: 'ended' },
      1000,
      { kind: 'needs-sign-in', account, reason: 'not-renewable' },
    ],
  ] as const;
  for (const [what, held, activity, nowMs, expected] of rows) {
    it(`is ${what}`, () => assert.deepEqual(stateOf({ credential: held, activity }, nowMs), expected));
  }
});
