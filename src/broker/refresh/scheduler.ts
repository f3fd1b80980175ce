import type { Disposable } from '../../core/announcer.js';
import type { Counters } from '../../core/counters.js';
import { isAlive, isRenewable } from '../../core/credential.js';
import { describeError } from '../../core/errors.js';
import { isCutOff, type Network } from '../../core/network.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Chore } from '../state/chore.js';
import type { Held, Holdings } from '../state/holdings.js';
import type { Leads } from './leads.js';
import type { Refresher } from './refresher.js';
import { attemptAtMs, retryLimitMs } from '../state/schedule.js';

/**
 * The longest sleep of the one timer. A computer that sleeps stops timers and not the clock, so what became due
 * meanwhile is found by looking again; and longer delays than 24 days would fire at once.
 */
const longestSleepMs = 60_000;

/** What found no place in the queue comes again after this long, so that the timer has nothing to spin on. */
const againAfterMs = 5_000;

export interface SchedulerParts {
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
  readonly holdings: Holdings;
  readonly leads: Leads;
  readonly refresher: Pick<Refresher, 'refresh'>;
  readonly network: Network;
  readonly chores: readonly Chore[];
}

/** How soon it is found out that the network is back, while something waits for that. */
const networkLookMs = 5_000;

/**
 * Renews credentials ahead of their end, and looks after a few chores, with one timer for all of them. While the
 * network is down it waits for that to be over; in another network, what did not answer is asked again at once.
 */
export class Scheduler implements Disposable {
  #timer: Disposable | undefined;
  #wakeAtMs = Infinity;
  #isDisposed = false;
  /** When each credential was last asked for, and which generation of it. */
  readonly #asked = new Map<string, { readonly generation: number; readonly atMs: number }>();
  readonly #listening: Disposable;
  #addresses: string;

  constructor(private readonly parts: SchedulerParts) {
    this.#addresses = parts.network.addresses();
    this.#listening = parts.holdings.onDidChange((key) => this.#onHeldChanged(key));
  }

  /** To be called when a chore may be due earlier than before. */
  look(): void {
    const nowMs = this.parts.clock.nowMs();
    this.#armFor(Math.min(...this.parts.chores.map((chore) => chore.dueAtMs(nowMs))), nowMs);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#listening.dispose();
    this.#timer?.dispose();
    this.#timer = undefined;
    this.#measure('ended');
  }

  #measure(service: 'idle' | 'running' | 'paused' | 'ended'): void {
    this.parts.counters.note('background.service', service);
    this.parts.counters.set('background.wakesAtMs', this.#timer === undefined ? 0 : this.#wakeAtMs);
  }

  /** In the same time however many there are: it may be one of a thousand that are just being loaded. */
  #onHeldChanged(key: string): void {
    const held = this.parts.holdings.get(key);
    const nowMs = this.parts.clock.nowMs();
    if (held !== undefined) this.#armFor(this.#lookAtMs(key, held, nowMs), nowMs);
  }

  /** Sets the timer to `atMs`, unless it wakes earlier already. What is not due then is found to be so. */
  #armFor(atMs: number, nowMs: number): void {
    if (this.#isDisposed || atMs === Infinity) return;
    const wakeAtMs = Math.min(atMs, nowMs + longestSleepMs);
    if (this.#timer !== undefined && wakeAtMs >= this.#wakeAtMs) return;
    this.#timer?.dispose();
    this.#wakeAtMs = wakeAtMs;
    this.#timer = this.parts.clock.after(Math.max(0, wakeAtMs - nowMs), () => this.#wake());
    this.#measure(this.parts.network.isDown() ? 'paused' : 'running');
  }

  #wake(): void {
    const { clock, log, holdings, refresher, network, chores } = this.parts;
    this.#timer = undefined;
    const nowMs = clock.nowMs();
    const addresses = network.addresses();
    const hasMoved = addresses !== this.#addresses && !network.isDown();
    this.#addresses = addresses;
    for (const [key, held] of holdings.entries()) {
      const isDue = this.#dueAtMs(key, held, nowMs) <= nowMs || (hasMoved && isUnanswered(held));
      if (!isDue) continue;
      if (cannotBeRenewed(held)) {
        holdings.setActivity(key, { kind: 'ended' });
        continue;
      }
      this.#asked.set(key, { generation: held.credential.generation, atMs: nowMs });
      // The outcome is in the holdings and in the log; nobody waits for it here.
      refresher.refresh(key, 'background').then(
        () => {
          this.#asked.delete(key);
          this.#onHeldChanged(key);
        },
        (error: unknown) => log.debug(`Background: ${describeError(error)}`),
      );
    }
    for (const chore of chores) if (chore.dueAtMs(nowMs) <= nowMs) chore.begin();
    const looks = holdings.entries().map(([key, held]) => this.#lookAtMs(key, held, nowMs));
    const nextAtMs = Math.min(...looks, ...chores.map((chore) => chore.dueAtMs(nowMs)));
    if (nextAtMs === Infinity) this.#measure('idle');
    this.#armFor(nextAtMs, nowMs);
  }

  /** When to look at a credential, which is also to see whether the network that it waits for is back. */
  #lookAtMs(key: string, held: Held, nowMs: number): number {
    const dueAtMs = this.#dueAtMs(key, held, nowMs);
    const isHopeless = isUnanswered(held) && dueAtMs === Infinity;
    return waitsForNetwork(held) && !isHopeless ? Math.min(dueAtMs, nowMs + networkLookMs) : dueAtMs;
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
      if (activity.code === 'network_down')
        return isCutOff(this.parts.network, credential.account.issuer) ? Infinity : nowMs;
      return nowMs - activity.sinceMs > retryLimitMs ? Infinity : attemptAtMs(activity, nowMs);
    }
    return this.parts.leads.dueAtMs(tokens, nowMs) ?? Infinity;
  }
}

const cannotBeRenewed = ({ credential }: Held): boolean => isAlive(credential) && !isRenewable(credential);

/** Another window takes over from one that has slept, and by then the network may be another one, too. */
const isUnanswered = ({ activity }: Held): boolean =>
  activity.kind === 'retrying' &&
  (activity.code === 'issuer_unreachable' || activity.code === 'renewing_elsewhere') &&
  activity.isAskedToWait !== true;

const waitsForNetwork = (held: Held): boolean =>
  isUnanswered(held) || (held.activity.kind === 'retrying' && held.activity.code === 'network_down');
