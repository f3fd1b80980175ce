import type { Disposable } from '../core/announcer.js';
import { describeError } from '../core/errors.js';
import type { Clock, Log } from '../core/ports.js';
import type { Held, Holdings } from './holdings.js';
import type { Leads } from './leads.js';
import type { Refresher } from './refresher.js';
import { attemptAtMs, retryLimitMs } from './schedule.js';

/**
 * The longest sleep of the one timer. A computer that sleeps stops timers and not the clock, so what became due
 * meanwhile is found by looking again; and longer delays than 24 days would fire at once.
 */
const longestSleepMs = 60_000;

/** What found no place in the queue comes again after this long, so that the timer has nothing to spin on. */
const againAfterMs = 5_000;

export interface SchedulerParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly holdings: Holdings;
  readonly leads: Leads;
  readonly refresher: Pick<Refresher, 'refresh'>;
}

/** Renews credentials ahead of their end, with one timer for all of them. */
export class Scheduler implements Disposable {
  #timer: Disposable | undefined;
  #wakeAtMs = Infinity;
  #isDisposed = false;
  /** When each credential was last asked for, and which generation of it. */
  readonly #asked = new Map<string, { readonly generation: number; readonly atMs: number }>();
  readonly #listening: Disposable;

  constructor(private readonly parts: SchedulerParts) {
    this.#listening = parts.holdings.onDidChange(() => this.#arm());
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#listening.dispose();
    this.#timer?.dispose();
    this.#timer = undefined;
  }

  #arm(): void {
    if (this.#isDisposed) return;
    const { clock, holdings } = this.parts;
    const nowMs = clock.nowMs();
    const due = holdings.entries().map(([key, held]) => this.#dueAtMs(key, held, nowMs));
    const wakeAtMs = Math.min(...due, nowMs + longestSleepMs);
    if (this.#timer !== undefined && wakeAtMs >= this.#wakeAtMs) return;
    this.#timer?.dispose();
    this.#timer = undefined;
    if (due.every((atMs) => atMs === Infinity)) return;
    this.#wakeAtMs = wakeAtMs;
    this.#timer = clock.after(Math.max(0, wakeAtMs - nowMs), () => this.#wake());
  }

  #wake(): void {
    const { clock, log, holdings, refresher } = this.parts;
    this.#timer = undefined;
    const nowMs = clock.nowMs();
    for (const [key, held] of holdings.entries()) {
      if (this.#dueAtMs(key, held, nowMs) > nowMs) continue;
      if (cannotBeRenewed(held)) {
        holdings.setActivity(key, { kind: 'ended' });
        continue;
      }
      this.#asked.set(key, { generation: held.credential.generation, atMs: nowMs });
      // The outcome is in the holdings and in the log; nobody waits for it here.
      refresher.refresh(key, 'background').then(
        () => {
          this.#asked.delete(key);
          this.#arm();
        },
        (error: unknown) => log.debug(`Background: ${describeError(error)}`),
      );
    }
    this.#arm();
  }

  /** When something is to be done about a credential in the background; `Infinity` for never. */
  #dueAtMs(key: string, held: Held, nowMs: number): number {
    const dueAtMs = this.#plannedAtMs(held, nowMs);
    const asked = this.#asked.get(key);
    const wasJustAsked =
      asked?.generation === held.credential.generation &&
      asked.atMs <= nowMs &&
      nowMs < asked.atMs + againAfterMs;
    return wasJustAsked ? Math.max(dueAtMs, asked.atMs + againAfterMs) : dueAtMs;
  }

  #plannedAtMs(held: Held, nowMs: number): number {
    const { credential, activity } = held;
    const { tokens } = credential;
    if (tokens.kind === 'refused' || activity.kind === 'refreshing') return Infinity;
    if (cannotBeRenewed(held)) return activity.kind === 'ended' ? Infinity : (tokens.expiresAtMs ?? Infinity);
    if (activity.kind === 'retrying') {
      return nowMs - activity.sinceMs > retryLimitMs ? Infinity : attemptAtMs(activity, nowMs);
    }
    return this.parts.leads.dueAtMs(tokens, nowMs) ?? Infinity;
  }
}

const cannotBeRenewed = ({ credential: { tokens } }: Held): boolean =>
  tokens.kind === 'alive' && tokens.refreshToken === undefined;
