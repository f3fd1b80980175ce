import type { Asked, RefreshToken } from './issuer.js';

/** A window stands still for a minute at most, and its request may take as long again. */
const takeoverTakesMs = 150_000;

/**
 * Why a refresh token had to be presented although it had been: nobody could know its successor. Undefined when somebody
 * could.
 */
export function causeOf(
  { given, wasSaved }: RefreshToken,
  { by, leftAtMs }: Asked,
  nowMs: number,
): string | undefined {
  // Whoever has taken over from it has been faster than its request; what left later should have known.
  const stoodStill = 'its window stood still while it asked';
  if (leftAtMs <= given.atMs && by.isGone) return 'its window died while its request was on its way';
  if (leftAtMs <= given.atMs && by.isFrozen) return stoodStill;
  // Either had looked before it stood still, and went on where it was when it had been given up.
  const sinceMs = nowMs - takeoverTakesMs;
  if (given.atMs > sinceMs && (by.thawedAtMs > sinceMs || given.by.thawedAtMs > sinceMs)) return stoodStill;
  if (wasSaved) return undefined;
  if (given.answer === 'lost') return 'the answer was lost';
  if (given.by.isGone) return 'its window died before the answer was saved';
  if (given.by.isFrozen || given.by.thawedAtMs >= given.atMs) return stoodStill;
  return undefined;
}
