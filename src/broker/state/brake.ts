import type { Clock } from '../../core/ports.js';

/** Admits so many events per key and span of time, and no more: what stops a loop of refusals and renewals. */
export class Brake {
  readonly #admittedAtMs = new Map<string, number[]>();

  constructor(
    private readonly clock: Clock,
    private readonly limit: number,
    private readonly spanMs: number,
  ) {}

  /** Whether one more is admitted now; it is counted when it is. */
  admits(key: string): boolean {
    const recent = this.#recent(key);
    const isAdmitted = recent.length < this.limit;
    if (isAdmitted) recent.push(this.clock.nowMs());
    this.#admittedAtMs.set(key, recent);
    return isAdmitted;
  }

  /** When one more is admitted at the earliest, in milliseconds since the epoch. */
  opensAtMs(key: string): number {
    const recent = this.#recent(key);
    const [oldest] = recent;
    return oldest === undefined || recent.length < this.limit ? this.clock.nowMs() : oldest + this.spanMs;
  }

  /** An instant that is still to come was on a clock that has been set back since. */
  #recent(key: string): number[] {
    const nowMs = this.clock.nowMs();
    return (this.#admittedAtMs.get(key) ?? []).filter((atMs) => atMs <= nowMs && nowMs - atMs < this.spanMs);
  }
}
