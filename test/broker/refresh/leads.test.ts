import assert from 'node:assert/strict';
import { Leads } from '../../../src/broker/refresh/leads.js';
import type { Tokens } from '../../../src/core/credential.js';
import { Secret } from '../../../src/core/secret.js';

const [second, minute, hour] = [1_000, 60_000, 3_600_000];
const issuedAtMs = Date.parse('2026-01-01T00:00:00Z');

const tokensFor = (lifeMs: number | undefined): Tokens => ({
  kind: 'alive',
  accessToken: new Secret('a'),
  issuedAtMs,
  ...(lifeMs !== undefined && { expiresAtMs: issuedAtMs + lifeMs }),
});

describe('the lead of a renewal', () => {
  /** How long after its issue a token is due, with the jitter at its ends and in the middle. */
  const dueAfter = (lifeMs: number | undefined, leadMs = 15 * minute, nowMs = issuedAtMs) =>
    [0, 0.5, 1].map((random) => {
      const atMs = new Leads(
        () => leadMs,
        () => random,
      ).dueAtMs(tokensFor(lifeMs), nowMs);
      return atMs === undefined ? undefined : atMs - issuedAtMs;
    });

  const rows: readonly (readonly [string, number | undefined, readonly (number | undefined)[]])[] = [
    [
      'of a day, a quarter of an hour before its end',
      24 * hour,
      [15, 14.25, 13.5].map((m) => 24 * hour - m * minute),
    ],
    ['of five seconds, after four fifths of them', 5 * second, [4_000, 4_050, 4_100]],
    ['of a second, not before it has passed', second, [second, second, second]],
    ['without a known end, never (RFC 6749 §5.1)', undefined, [undefined, undefined, undefined]],
  ];
  for (const [what, lifeMs, expected] of rows) {
    it(`is shortened by a tenth at most: a token ${what}`, () =>
      assert.deepEqual(dueAfter(lifeMs), expected));
  }

  it('is what the user wants at this moment', () => {
    let leadMs = 15 * minute;
    const leads = new Leads(
      () => leadMs,
      () => 0,
    );
    const tokens = tokensFor(10 * hour);
    assert.equal(leads.dueAtMs(tokens, issuedAtMs), issuedAtMs + 10 * hour - 15 * minute);
    leadMs = 60 * minute;
    assert.equal(leads.dueAtMs(tokens, issuedAtMs), issuedAtMs + 9 * hour);
  });

  it('is decided once for each generation, however often it is looked at', () => {
    const dice = [0.1, 0.9, 0.3];
    const leads = new Leads(
      () => 15 * minute,
      () => dice.shift() ?? assert.fail('Thrown once too often.'),
    );
    const [first, second] = [tokensFor(hour), tokensFor(hour)];
    const looks = [first, first, second, first].map((tokens) => leads.dueAtMs(tokens, issuedAtMs));
    assert.equal(looks[0], looks[1]);
    assert.equal(looks[0], looks[3]);
    assert.notEqual(looks[0], looks[2]);
  });

  it('means nothing when the clock was set back, so the token is due at once', () => {
    assert.deepEqual(dueAfter(hour, 15 * minute, issuedAtMs - hour), [-hour, -hour, -hour]);
  });

  it('stays when the clock was only set right', () => {
    assert.equal(dueAfter(hour, 15 * minute, issuedAtMs - 2 * minute)[0], 48 * minute);
  });
});
