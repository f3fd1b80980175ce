import assert from 'node:assert/strict';
import type { Credential } from '../../src/core/credential.js';
import type { RefusalReason } from '../../src/core/refusal.js';
import { Secret } from '../../src/core/secret.js';
import { mayReplace } from '../../src/broker/imports.js';
import { googleScope, missingGoogleScopes } from '../../src/google/scopes.js';

const issuer = 'https://accounts.example.com';

const alive = (issuedAtMs: number, scopes: readonly string[] = ['a', 'b']): Credential => ({
  account: { issuer, subject: 'alice', label: 'alice@example.com' },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'entered' },
  resource: issuer,
  generation: 1,
  scopes,
  tokens: { kind: 'alive', accessToken: new Secret('t'), issuedAtMs },
});
const refused = (refusedAtMs: number, reason: RefusalReason = 'revoked'): Credential => ({
  ...alive(0),
  tokens: { kind: 'refused', reason, refusedAtMs },
});

describe('tokens of another program', () => {
  const rows: readonly [string, Credential | undefined, Credential, number, boolean, boolean][] = [
    ['take the place of nothing', undefined, alive(0), 0, false, true],
    ['take the place of older ones', alive(1_000), alive(0), 2_000, false, true],
    ['do not take the place of newer ones', alive(2_000), alive(0), 1_000, false, false],
    ['do not take the place of newer ones, though they are good', alive(2_000), alive(0), 1_000, true, false],
    ['do not take the place of ones as old', alive(1_000), alive(0), 1_000, true, false],
    [
      'do not take the place of older ones that allow more',
      alive(1_000, ['a', 'b', 'c']),
      alive(0),
      2_000,
      true,
      false,
    ],
    ['take the place of older ones that allow less', alive(1_000, ['a']), alive(0), 2_000, false, true],
    [
      'take the place of older ones by a scope that stands for theirs',
      alive(1_000, ['gmail.readonly'].map(googleScope)),
      alive(0, ['gmail.modify'].map(googleScope)),
      2_000,
      false,
      true,
    ],
    [
      'do not take the place of older ones that have a wider scope',
      alive(1_000, ['gmail.modify'].map(googleScope)),
      alive(0, ['gmail.readonly'].map(googleScope)),
      2_000,
      true,
      false,
    ],
    ['take the place of a grant that was refused before them', refused(1_000), alive(0), 2_000, false, true],
    [
      'do not take the place of a grant that was refused after them',
      refused(2_000),
      alive(0),
      1_000,
      false,
      false,
    ],
    ['take the place of any refused one when they are good', refused(2_000), alive(0), 1_000, true, true],
    ['of unknown age take the place of nothing that lives', alive(1_000), alive(0), 0, true, false],
  ];
  const covers = (granted: readonly string[], wanted: readonly string[]) =>
    missingGoogleScopes(granted, wanted).length === 0;
  for (const [title, present, fresh, issuedAtMs, isProven, expected] of rows) {
    it(title, () => assert.equal(mayReplace(present, fresh, { issuedAtMs, isProven, covers }), expected));
  }
});
