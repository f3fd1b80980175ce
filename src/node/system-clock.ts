import type { Clock } from '../core/ports.js';

/** What `setTimeout` can count to; it fires at once for more. */
const longestDelayMs = 2 ** 31 - 1;

/** The clock of this computer. A timer fires after 24.8 days at the latest. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, longestDelayMs));
    return { dispose: () => clearTimeout(timer) };
  },
};
