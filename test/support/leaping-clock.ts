import type { Disposable } from '../../src/core/announcer.js';
import type { Clock } from '../../src/core/ports.js';

interface Timer {
  readonly dueAtMs: number;
  readonly run: () => void;
  handle: NodeJS.Timeout;
}

/**
 * Real time, for journeys in which real servers take part, with the freedom to skip the minutes in which nothing
 * happens. Only the broker leaps: a token that has expired for it is still good at the server.
 */
export class LeapingClock implements Clock {
  #aheadMs = 0;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return Date.now() + this.#aheadMs;
  }

  after(delayMs: number, run: () => void): Disposable {
    const fire = () => {
      this.#timers.delete(timer);
      run();
    };
    const timer: Timer = {
      dueAtMs: this.nowMs() + delayMs,
      run: fire,
      handle: setTimeout(fire, delayMs),
    };
    this.#timers.add(timer);
    return {
      dispose: () => {
        clearTimeout(timer.handle);
        this.#timers.delete(timer);
      },
    };
  }

  /** Skips `byMs`: what becomes due on the way fires as soon as the test lets go, in the order in which it is due. */
  leap(byMs: number): void {
    this.#aheadMs += byMs;
    for (const timer of [...this.#timers].sort((a, b) => a.dueAtMs - b.dueAtMs)) {
      clearTimeout(timer.handle);
      timer.handle = setTimeout(timer.run, Math.max(0, timer.dueAtMs - this.nowMs()));
    }
  }

  /** How long each timer has to go, in milliseconds: what a closed window should have none of. */
  get pending(): readonly number[] {
    return [...this.#timers].map(({ dueAtMs }) => dueAtMs - this.nowMs()).sort((a, b) => a - b);
  }
}
