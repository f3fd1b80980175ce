import type { Disposable } from '../../src/core/announcer.js';
import type { Clock } from '../../src/core/ports.js';

interface Timer {
  dueAtMs: number;
  readonly run: () => void;
}

/** More timers than any test has reason to fire at one instant: what reaches it spins. */
const firingLimit = 1_000;

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();
  readonly #waiting = new Set<() => void>();

  constructor(nowMs = Date.parse('2026-01-01T00:00:00Z')) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Disposable {
    // What `setTimeout` would turn into 1 ms without a word.
    if (!(delayMs >= 0 && delayMs < 2 ** 31)) throw new RangeError(`A timer of ${delayMs} ms fires at once.`);
    const timer = { dueAtMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    for (const look of [...this.#waiting]) look();
    return { dispose: () => void this.#timers.delete(timer) };
  }

  /** How long each timer has to go, in milliseconds, the next one first. */
  get pending(): readonly number[] {
    return [...this.#timers].map(({ dueAtMs }) => dueAtMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** Moves on, and fires what becomes due on the way, in order; each timer sees the instant at which it was due. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let fired = 0; ; fired++) {
      if (fired > firingLimit) throw new Error('A timer fires again and again.');
      const next = this.#next();
      if (next === undefined || next.dueAtMs > endMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueAtMs);
      next.run();
    }
    this.#nowMs = endMs;
  }

  /** The computer sleeps: time passes, and the timers stand still. */
  sleep(forMs: number): void {
    this.#nowMs += forMs;
    for (const timer of this.#timers) timer.dueAtMs += forMs;
  }

  /** Resolves as soon as a timer of `delayMs` runs. Waits for ever: the test's own limit ends the wait. */
  armed(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!this.pending.includes(delayMs)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  #next(): Timer | undefined {
    return [...this.#timers].sort((a, b) => a.dueAtMs - b.dueAtMs)[0];
  }
}
