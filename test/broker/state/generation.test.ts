import assert from 'node:assert/strict';
import { tokensFrom } from '../../../src/broker/state/generation.js';
import { Secret } from '../../../src/core/secret.js';

const granted = (refresh?: string, grantLifetimeSeconds?: number) => ({
  accessToken: new Secret('access'),
  ...(refresh !== undefined && { refreshToken: new Secret(refresh) }),
  ...(grantLifetimeSeconds !== undefined && { grantLifetimeSeconds }),
});

describe('the tokens of a grant', () => {
  const first = tokensFrom(granted('refresh-1', 604_799), 1_000);

  it('know when the refresh token was given out, and when the grant ends', () => {
    assert.deepEqual([first.grantedAtMs, first.grantEndsAtMs], [1_000, 604_800_000]);
  });

  it('still know both after a renewal that repeats neither', () => {
    const next = tokensFrom(granted(), 50_000, first);
    assert.deepEqual([next.grantedAtMs, next.grantEndsAtMs, next.issuedAtMs], [1_000, 604_800_000, 50_000]);
    const same = tokensFrom(granted('refresh-1'), 60_000, next);
    assert.equal(same.grantedAtMs, 1_000);
  });

  it('begin anew with another refresh token, and take another end when it is told', () => {
    const next = tokensFrom(granted('refresh-2', 100), 50_000, first);
    assert.deepEqual([next.grantedAtMs, next.grantEndsAtMs], [50_000, 150_000]);
  });

  it('keep no refresh token of another login', () => {
    const next = tokensFrom({ ...granted(), loginDigest: 'another' }, 50_000, first);
    assert.equal(next.refreshToken, undefined);
  });

  it('keep neither a refresh token nor an end of what they do not come from', () => {
    const next = tokensFrom({ ...granted(), isAnew: true }, 50_000, first);
    assert.deepEqual(
      [next.refreshToken, next.grantedAtMs, next.grantEndsAtMs, next.signedInAtMs],
      [undefined, undefined, undefined, first.signedInAtMs],
    );
  });

  it('have no end where none is told', () => {
    const { grantEndsAtMs } = tokensFrom(granted('refresh-1'), 1_000);
    assert.equal(grantEndsAtMs, undefined);
  });
});
