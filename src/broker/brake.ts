import type { Clock } from '../core/ports.js';

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
    const nowMs = this.clock.nowMs();
    const recent = (this.#admittedAtMs.get(key) ?? []).filter((atMs) => nowMs - atMs < this.spanMs);
    const isAdmitted = recent.length < this.limit;
    if (isAdmitted) recent.push(nowMs);
    this.#admittedAtMs.set(key, recent);
    return isAdmitted;
  }
}
