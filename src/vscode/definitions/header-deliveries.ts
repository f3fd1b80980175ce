import type { Disposable } from '../../core/announcer.js';
import type { Clock } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';

/** A request that leaves now should still arrive with a valid token. */
const marginMs = 60_000;

/** Of a token that lives for a minute or two, the margin must leave something. */
const marginShare = 0.1;

/** A connection begins with requests of its own, and it was made because somebody calls. */
const busyMs = 30_000;

/** A timer of more than 24.8 days would fire at once. */
const longestSleepMs = 86_400_000;

interface Delivery {
  /** How often a token has outlived its use. */
  readonly round: number;
  readonly timer: Disposable | undefined;
}

/**
 * The tokens that the editor itself sends, in a header that stays the same for as long as a connection lasts. Before
 * such a token ends, the editor must connect anew, which it does when the version of the definition changes.
 */
export class HeaderDeliveries implements Disposable {
  readonly #deliveries = new Map<ServerId, Delivery>();

  /** @param onOutdated - is called when the version of some server has changed */
  constructor(
    private readonly clock: Clock,
    private readonly onOutdated: () => void,
  ) {}

  /** A part of the definition's version: another one when the connection has to be made anew. */
  round(id: ServerId): number {
    return this.#deliveries.get(id)?.round ?? 0;
  }

  /**
   * Takes note that a new connection to `id` has a token.
   * @param expiresAtMs - the end of the token's life; undefined when nobody knows it, and the connection is left alone
   */
  delivered(id: ServerId, expiresAtMs: number | undefined): void {
    const round = this.round(id);
    this.#deliveries.get(id)?.timer?.dispose();
    this.#deliveries.set(id, { round, timer: this.#timer(id, round, expiresAtMs) });
  }

  /** Lets the tokens of all others end unnoticed: they are not delivered so any more. */
  retain(ids: ReadonlySet<ServerId>): void {
    for (const [id, { round, timer }] of this.#deliveries) {
      if (ids.has(id) || timer === undefined) continue;
      timer.dispose();
      this.#deliveries.set(id, { round, timer: undefined });
    }
  }

  dispose(): void {
    for (const { timer } of this.#deliveries.values()) timer?.dispose();
    this.#deliveries.clear();
  }

  #timer(id: ServerId, round: number, expiresAtMs: number | undefined): Disposable | undefined {
    if (expiresAtMs === undefined) return undefined;
    const leftMs = expiresAtMs - this.clock.nowMs();
    const useMs = leftMs - Math.min(marginMs, leftMs * marginShare);
    return this.#sleep(id, round, this.clock.nowMs() + Math.max(useMs, busyMs));
  }

  #sleep(id: ServerId, round: number, untilMs: number): Disposable {
    const leftMs = untilMs - this.clock.nowMs();
    return this.clock.after(Math.max(Math.min(leftMs, longestSleepMs), 0), () => {
      if (this.clock.nowMs() < untilMs) {
        this.#deliveries.set(id, { round, timer: this.#sleep(id, round, untilMs) });
        return;
      }
      this.#deliveries.set(id, { round: round + 1, timer: undefined });
      this.onOutdated();
    });
  }
}
