import { BrokerError } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import { withinLimit } from '../../core/waiting.js';

/** A fetch of Node gives an answer up whose headers have not come within 300 s. */
const silentLimitMs = 270_000;

/** `endless` has what nobody waits for, such as a stream. */
export type Patience = 'silent' | 'kept-alive' | 'endless';

export interface HoldParts {
  readonly clock: Clock;
  /** Seconds that a call waits for the user, as configured now. */
  readonly signInWaitSeconds: () => number;
}

/** Calls of one window that wait for the user: so many at a time, and each no longer than the settings say. */
export class Hold {
  #waiting = 0;

  constructor(
    private readonly parts: HoldParts,
    private readonly limit = 100,
  ) {}

  /**
   * Waits for what needs the user.
   * @param because - what the caller is told when the wait ends without the user
   * @param patience - of the caller: one that hears nothing of us meanwhile gives up by itself after a while
   * @param gone - ends the wait, with its reason
   * @param work - the wait itself, until its signal is aborted
   * @throws BrokerError `because`; `too_many_waiting`; whatever `work` throws
   */
  async wait<T>(
    because: BrokerError,
    patience: Patience,
    gone: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, signInWaitSeconds } = this.parts;
    if (this.#waiting >= this.limit)
      throw new BrokerError('too_many_waiting', `${this.limit} calls wait already.`, { cause: because });
    const limitMs = limitOf(patience, signInWaitSeconds() * 1000);
    this.#waiting++;
    try {
      return await (limitMs === undefined ? work(gone) : withinLimit(clock, limitMs, because, work, gone));
    } finally {
      this.#waiting--;
    }
  }
}

function limitOf(patience: Patience, wantedMs: number): number | undefined {
  switch (patience) {
    case 'silent':
      return Math.min(wantedMs, silentLimitMs);
    case 'kept-alive':
      return wantedMs;
    case 'endless':
      return undefined;
  }
}
