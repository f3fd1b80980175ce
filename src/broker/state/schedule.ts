import type { Tokens } from '../../core/credential.js';
import type { Random } from '../../core/ports.js';

const minuteMs = 60_000;

/** A short-lived token is used for at least four fifths of its life. */
const leadShare = 0.2;

/** A request that leaves now should arrive with a valid token. */
const marginLimitMs = 10_000;
const marginShare = 0.1;

/** Even an issuer that grants no lifetime at all is not asked more often than this. */
const leastIntervalMs = 1_000;

/**
 * When the access token should be renewed in the background; undefined when its end is unknown.
 * @param leadLimitMs - how long before the end, at most
 */
export function refreshAtMs({ issuedAtMs, expiresAtMs }: Tokens, leadLimitMs: number): number | undefined {
  if (expiresAtMs === undefined) return undefined;
  const leadMs = Math.min(leadLimitMs, (expiresAtMs - issuedAtMs) * leadShare);
  return Math.max(expiresAtMs - leadMs, issuedAtMs + leastIntervalMs);
}

/** Whether a request that leaves now may carry the access token. */
export function isUsable({ issuedAtMs, expiresAtMs }: Tokens, nowMs: number): boolean {
  if (expiresAtMs === undefined) return true;
  const marginMs = Math.min(marginLimitMs, (expiresAtMs - issuedAtMs) * marginShare);
  return nowMs < expiresAtMs - marginMs;
}

/** Whether only the user can bring back a usable access token. */
export function isSpent({ refreshToken, expiresAtMs }: Tokens, nowMs: number): boolean {
  return refreshToken === undefined && expiresAtMs !== undefined && nowMs >= expiresAtMs;
}

const firstDelayMs = 10_000;
const lastDelayMs = 2 * minuteMs;
const quickAttempts = 5;
const slowDelayMs = 10 * minuteMs;

/** An issuer that asks for more patience than this has made a mistake, and the user would wait for ever. */
const longestRetryAfterMs = 60 * minuteMs;

/** After this long, nothing is tried in the background any more; a call still tries. */
export const retryLimitMs = 24 * 60 * minuteMs;

/** When to try again; at once when the clock was set back, and what was planned on the old one means nothing. */
export function attemptAtMs(
  { sinceMs, nextAttemptAtMs }: { readonly sinceMs: number; readonly nextAttemptAtMs: number },
  nowMs: number,
): number {
  return nowMs < sinceMs ? nowMs : nextAttemptAtMs;
}

/**
 * How long to wait after a failed attempt: exponential from 10 s to 2 min for five attempts, then every 10 min; with
 * jitter, so that windows and users do not knock in step.
 * @param failures - how many attempts have failed in a row, at least 1
 * @param retryAfterMs - what the issuer asked for; honoured when it is longer, up to an hour
 */
export function retryDelayMs(failures: number, random: Random, retryAfterMs = 0): number {
  const plainMs =
    failures > quickAttempts ? slowDelayMs : Math.min(lastDelayMs, firstDelayMs * 2 ** (failures - 1));
  return Math.max(Math.min(retryAfterMs, longestRetryAfterMs), plainMs * (0.75 + 0.5 * random()));
}
