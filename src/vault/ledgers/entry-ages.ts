import type { Entry } from './ledger-changes.js';

/**
 * By how much what is inferred from a value is younger than it: less than a millisecond, however often it goes on, so
 * that what any window has set after the same value is younger still.
 */
const inferredAfterMs = 1 / 1024;

type Dated = Omit<Entry<unknown>, 'value'>;

/** When an entry was used last, which setting it is, too; in milliseconds since the epoch, as all of these. */
export const usedAtMs = ({ atMs, usedAtMs: last = atMs }: Dated): number => last;

/** When what is set now was set: a clock that was set back must not make what is newer look older. */
export const setAfterMs = (present: Dated | undefined, nowMs: number): number =>
  Math.max(nowMs, nextMs(present?.atMs ?? -Infinity));

/** When what follows from an entry counts as set: after it, and before anything that is set after it. */
export const inferredFromMs = ({ atMs }: Dated): number =>
  Math.min(atMs + inferredAfterMs, nextMs(atMs) - inferredAfterMs);

/** The first whole millisecond after `atMs`. */
const nextMs = (atMs: number): number => Math.floor(atMs) + 1;
