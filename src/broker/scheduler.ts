import type { Disposable } from '../core/announcer.js';
import { describeError } from '../core/errors.js';
import type { Clock, Log } from '../core/ports.js';
import type { Held, Holdings } from './holdings.js';
import type { Refresher } from './refresher.js';
import { attemptAtMs, refreshAtMs, retryLimitMs } from './schedule.js';

/**
 * The longest sleep of the one timer. A computer that sleeps stops timers and not the clock, so what became due
 * meanwhile is found by looking again; and longer delays than 24 days would fire at once.
 */
const longestSleepMs = 60_000;

/** Renews credentials ahead of their end, with one timer for all of them. */
export class Scheduler implements Disposable {
  #timer: Disposable | undefined;
  #wakeAtMs = Infinity;
  readonly #listening: Disposable;

  constructor(
    private readonly clock: Clock,
    private readonly holdings: Holdings,
    private readonly refresher: Refresher,
    private readonly log: Log,
  ) {
    this.#listening = holdings.onDidChange(() => this.#arm());
  }

  dispose(): void {
    this.#listening.dispose();
    this.#timer?.dispose();
    this.#timer = undefined;
  }

  #arm(): void {
    const nowMs = this.clock.nowMs();
    const due = this.holdings.entries().map(([, held]) => dueAtMs(held, nowMs));
    const wakeAtMs = Math.min(...due, nowMs + longestSleepMs);
    if (this.#timer !== undefined && wakeAtMs >= this.#wakeAtMs) return;
    this.#timer?.dispose();
    this.#timer = undefined;
    if (due.every((atMs) => atMs === Infinity)) return;
    this.#wakeAtMs = wakeAtMs;
    this.#timer = this.clock.after(Math.max(0, wakeAtMs - nowMs), () => this.#wake());
  }

  #wake(): void {
    this.#timer = undefined;
    const nowMs = this.clock.nowMs();
    for (const [key, held] of this.holdings.entries()) {
      if (dueAtMs(held, nowMs) > nowMs) continue;
      if (cannotBeRenewed(held)) {
        this.holdings.setActivity(key, { kind: 'ended' });
        continue;
      }
      // The outcome is in the holdings and in the log; nobody waits for it here.
      this.refresher
        .refresh(key)
        .catch((error: unknown) => this.log.debug(`Background: ${describeError(error)}`));
    }
    this.#arm();
  }
}

/** When something is to be done about a credential in the background; `Infinity` for never. */
function dueAtMs(held: Held, nowMs: number): number {
  const { credential, activity } = held;
  const { tokens } = credential;
  if (tokens.kind === 'refused' || activity.kind === 'refreshing') return Infinity;
  if (cannotBeRenewed(held)) return activity.kind === 'ended' ? Infinity : (tokens.expiresAtMs ?? Infinity);
  if (activity.kind === 'retrying') {
    return nowMs - activity.sinceMs > retryLimitMs ? Infinity : attemptAtMs(activity, nowMs);
  }
  return refreshAtMs(tokens) ?? Infinity;
}

const cannotBeRenewed = ({ credential: { tokens } }: Held): boolean =>
  tokens.kind === 'alive' && tokens.refreshToken === undefined;
