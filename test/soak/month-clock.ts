import type { Disposable } from '../../src/core/announcer.js';
import type { Clock } from '../../src/core/ports.js';

interface Timer {
  dueAtMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** More than any window has reason to fire at one instant: what reaches it spins. */
const firingLimit = 5_000;

/** The computer's time, which goes on from timer to timer. Made for months: the next timer is found at once. */
export class MonthClock implements Clock {
  #nowMs: number;
  /** A heap: each timer is due no later than the two below it. */
  readonly #timers: Timer[] = [];
  #count = 0;
  #firedAtOnce = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Disposable {
    // What `setTimeout` would turn into 1 ms without a word.
    if (!(delayMs >= 0 && delayMs < 2 ** 31)) throw new RangeError(`A timer of ${delayMs} ms fires at once.`);
    let isDisposed = false;
    this.#push({
      dueAtMs: this.#nowMs + delayMs,
      order: this.#count++,
      run: () => {
        if (!isDisposed) run();
      },
    });
    return {
      dispose: () => {
        isDisposed = true;
      },
    };
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Goes on to the next timer and fires it. @returns false when nothing is left to happen */
  step(): boolean {
    const timer = this.#pop();
    if (timer === undefined) return false;
    this.#firedAtOnce = timer.dueAtMs > this.#nowMs ? 0 : this.#firedAtOnce + 1;
    if (this.#firedAtOnce > firingLimit)
      throw new Error('Timers fire again and again, and time stands still.');
    this.#nowMs = Math.max(this.#nowMs, timer.dueAtMs);
    timer.run();
    return true;
  }

  /** The computer sleeps: time passes, and the timers stand still. */
  sleep(forMs: number): void {
    this.#nowMs += forMs;
    for (const timer of this.#timers) timer.dueAtMs += forMs;
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(timer, heap[above])) break;
      this.#swap(at, above);
      at = above;
    }
  }

  #pop(): Timer | undefined {
    const heap = this.#timers;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (isBefore(heap[left], heap[least])) least = left;
      if (isBefore(heap[right], heap[least])) least = right;
      if (least === at) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(one: number, other: number): void {
    const heap = this.#timers;
    const [a, b] = [heap[one], heap[other]];
    if (a === undefined || b === undefined) return;
    heap[one] = b;
    heap[other] = a;
  }
}

function isBefore(one: Timer | undefined, other: Timer | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.dueAtMs < other.dueAtMs || (one.dueAtMs === other.dueAtMs && one.order < other.order);
}
