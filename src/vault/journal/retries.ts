import type { Disposable } from '../../core/announcer.js';
import { describeError } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';

/** A full disk or a virus scanner may be over in a moment; what is not is looked at again every minute. */
const delaysMs = [200, 1_000, 3_000, 10_000, 60_000];

export interface RetryParts {
  readonly clock: Clock;
  readonly log: Log;
  /** The end of this window. */
  readonly closing: AbortSignal;
}

/** Does again what has failed, until it succeeds or this window ends; with one timer for all of it. */
export class Retries {
  readonly #waiting = new Map<string, () => Promise<void>>();
  #timer: Disposable | undefined;
  #round = 0;

  constructor(private readonly parts: RetryParts) {
    parts.closing.addEventListener('abort', () => this.#stop());
  }

  /** @param attempt - replaces what waits under `name`, and rejects when it has to be made again */
  add(name: string, attempt: () => Promise<void>): void {
    this.#waiting.set(name, attempt);
    this.#round = 0;
    this.#arm();
  }

  /** Nobody wants that any more. */
  drop(name: string): void {
    this.#waiting.delete(name);
    if (this.#waiting.size === 0) this.#stop();
  }

  /** Puts off what was armed meanwhile. */
  #arm(): void {
    this.#stop();
    if (this.parts.closing.aborted) return;
    const delayMs = delaysMs[Math.min(this.#round, delaysMs.length - 1)] ?? 0;
    this.#timer = this.parts.clock.after(delayMs, () => void this.#run());
  }

  #stop(): void {
    this.#timer?.dispose();
    this.#timer = undefined;
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
    this.#round += 1;
    for (const [name, attempt] of [...this.#waiting]) {
      if (this.#waiting.get(name) !== attempt) continue;
      try {
        await attempt();
        if (this.#waiting.get(name) === attempt) this.#waiting.delete(name);
      } catch (error) {
        this.parts.log.debug(`Tried again in vain: ${describeError(error)}`);
      }
    }
    if (this.#waiting.size > 0) this.#arm();
  }
}
