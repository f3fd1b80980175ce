import type { IssuerRefusal } from '../core/issuer-driver.js';
import type { RefusalReason } from '../core/refusal.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The life of a refresh token while the client's project is in testing. Google says 604,799 s. */
const testingLifeMs = 7 * dayMs;

/** A token that has not been used for six months ends; the shortest six months have 181 days. */
const unusedLifeMs = 181 * dayMs;

/** How far an end may be from the instant at which it is noticed, or announced. */
const toleranceMs = hourMs;

/** How far a clock may be off by that is set for another time zone: the farthest is 14 hours from UTC. */
const clockErrorMs = 14 * hourMs;

/** What Google writes, where it says more than `invalid_grant`; the first row that fits wins. */
const hints: readonly (readonly [RegExp, RefusalReason])[] = [
  [/invalid_rapt|rapt_required|reauth related/i, 'session-control'],
  [/admin_policy_enforced|org_internal/i, 'admin-policy'],
  [/deleted_client|disabled_client|client was not found/i, 'client-gone'],
  [/unauthorized_client|client mismatch|issued to (another|a different)/i, 'client-mismatch'],
];

/** What it says of a grant that was revoked, of a changed password and of too many tokens, all the same. */
const usualWords = /expired or revoked/i;

/**
 * Why Google refused a grant: by its words, and where those are the usual "expired or revoked" by the age of the grant.
 * @returns undefined when neither says more than the protocol does
 * @see https://developers.google.com/identity/protocols/oauth2#expiration
 */
export function googleRefusal(refusal: IssuerRefusal): RefusalReason | undefined {
  const { error, description } = refusal;
  const told = hints.find(([pattern]) => pattern.test(`${error} ${description}`))?.[1];
  if (told !== undefined) return told;
  if (error !== 'invalid_grant' || !usualWords.test(description)) return undefined;
  return byAge(refusal) ?? 'untold';
}

function byAge({ nowMs, grantedAtMs, renewedAtMs, grantEndsAtMs }: IssuerRefusal): RefusalReason | undefined {
  // A grant that was refused before it was given says that the clock was set back, and not how old it is.
  const isOfUnknownAge = grantedAtMs !== undefined && nowMs < grantedAtMs;
  if (grantEndsAtMs !== undefined && (isOfUnknownAge || nowMs >= grantEndsAtMs - clockErrorMs)) {
    const lifeMs = grantEndsAtMs - (grantedAtMs ?? grantEndsAtMs - testingLifeMs);
    // Whoever allows access for a time may choose another one.
    return Math.abs(lifeMs - testingLifeMs) <= toleranceMs ? 'testing-expired' : 'expired';
  }
  if (renewedAtMs === undefined) return undefined;
  if (nowMs - renewedAtMs >= unusedLifeMs) return 'unused';
  if (grantEndsAtMs !== undefined || grantedAtMs === undefined) return undefined;
  const endMs = grantedAtMs + testingLifeMs;
  // It was still good before that end, and is found dead right behind it.
  const isAtTheEnd = renewedAtMs < endMs && nowMs >= endMs - toleranceMs && nowMs < endMs + dayMs;
  return isAtTheEnd ? 'testing-expired' : undefined;
}
