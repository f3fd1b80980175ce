import assert from 'node:assert/strict';
import type { Tokens } from '../../../src/core/credential.js';
import { Secret } from '../../../src/core/secret.js';
import { isSpent, isUsable, refreshAtMs, retryDelayMs } from '../../../src/broker/state/schedule.js';

const issuedAtMs = 1_000_000;
const tokensFor = (lifeMs: number | undefined, refreshToken = true): Tokens => ({
  kind: 'alive',
  accessToken: new Secret('a'),
  ...(refreshToken && { refreshToken: new Secret('r') }),
  issuedAtMs,
  ...(lifeMs !== undefined && { expiresAtMs: issuedAtMs + lifeMs }),
});

const [second, minute, hour] = [1_000, 60_000, 3_600_000];

describe('when a token is renewed', () => {
  const rows: readonly (readonly [string, number | undefined, number | undefined])[] = [
    ['a quarter of an hour before the end of a day', 24 * hour, 24 * hour - 15 * minute],
    ['after four fifths of an hour', hour, 48 * minute],
    ['a quarter of an hour before the end, where that is a fifth', 75 * minute, 60 * minute],
    ['after four fifths of five seconds', 5 * second, 4 * second],
    ['not before a second has passed, of a second', second, second],
    ['not before a second has passed, of nothing', 0, second],
    ['never, when its end is unknown (RFC 6749 §5.1)', undefined, undefined],
  ];
  for (const [what, lifeMs, expectedMs] of rows) {
    it(what, () => {
      const dueAtMs = refreshAtMs(tokensFor(lifeMs), 15 * minute);
      assert.equal(dueAtMs === undefined ? undefined : dueAtMs - issuedAtMs, expectedMs);
    });
  }
});

describe('whether a token can be sent', () => {
  const rows: readonly (readonly [string, number | undefined, number, boolean])[] = [
    ['when it is new', hour, 0, true],
    ['eleven seconds before its end', hour, hour - 11 * second, true],
    ['ten seconds before its end: it would arrive dead', hour, hour - 10 * second, false],
    ['after its end', hour, hour + second, false],
    ['for nine tenths of a short life', 5 * second, 4_499, true],
    ['in the last tenth of a short life', 5 * second, 4_500, false],
    ['for ever, when its end is unknown', undefined, 1000 * hour, true],
    ['without any life', 0, 0, false],
    ['when the clock has gone back', hour, -hour, true],
  ];
  for (const [what, lifeMs, ageMs, expected] of rows) {
    it(what, () => assert.equal(isUsable(tokensFor(lifeMs), issuedAtMs + ageMs), expected));
  }
});

describe('whether only the user can bring a token back', () => {
  const rows: readonly (readonly [string, Tokens, number, boolean])[] = [
    ['not while it lives', tokensFor(hour, false), hour - 1, false],
    ['at its end without a refresh token', tokensFor(hour, false), hour, true],
    ['not at its end with one', tokensFor(hour), hour, false],
    ['not when its end is unknown', tokensFor(undefined, false), 1000 * hour, false],
  ];
  for (const [what, tokens, ageMs, expected] of rows) {
    it(what, () => assert.equal(isSpent(tokens, issuedAtMs + ageMs), expected));
  }
});

describe('how long a failed renewal waits', () => {
  const middle = () => 0.5;
  it('from ten seconds to two minutes, then ten minutes for ever', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 1000, Infinity].map((n) => retryDelayMs(n, middle) / second);
    assert.deepEqual(delays, [10, 20, 40, 80, 120, 600, 600, 600, 600]);
  });
  it('a quarter more or less, so that windows do not knock in step', () => {
    assert.deepEqual(
      [retryDelayMs(1, () => 0), retryDelayMs(1, () => 0.999_999)].map(Math.round),
      [7_500, 12_500],
    );
  });
  it('as long as the issuer asks for, when that is longer (RFC 9110 §10.2.3)', () => {
    assert.equal(retryDelayMs(1, middle, 300 * second), 300 * second);
    assert.equal(retryDelayMs(1, middle, second), 10 * second);
    assert.equal(retryDelayMs(1, middle, 8760 * hour), hour);
  });
});
