import type { Tokens } from '../../core/credential.js';
import type { Random } from '../../core/ports.js';
import { refreshAtMs } from '../state/schedule.js';

/** How much shorter a lead may get, so that what was granted together does not knock together. */
const jitterShare = 0.1;

/** Clocks are set right by seconds all the time; by more than this, an end on the old clock means nothing. */
const clockToleranceMs = 5 * 60_000;

/** When each access token is renewed ahead of its end: as the user wants it, a little later for some than for others. */
export class Leads {
  /** Decided once for each generation: decided at each look, the earliest of many would count. */
  readonly #jitter = new WeakMap<Tokens, number>();

  /** @param leadMs - how long before the end, at most, as the user wants it now */
  constructor(
    private readonly leadMs: () => number,
    private readonly random: Random,
  ) {}

  /** The instant from which the token should be renewed; undefined when its end is unknown. */
  dueAtMs(tokens: Tokens, nowMs: number): number | undefined {
    const { issuedAtMs, expiresAtMs } = tokens;
    const atMs = refreshAtMs(tokens, this.leadMs());
    if (atMs === undefined || expiresAtMs === undefined) return undefined;
    // The clock was set back: the issuer's has not, and nobody knows how much of the token's life is left.
    if (nowMs < issuedAtMs - clockToleranceMs) return nowMs;
    const jitter = this.#jitter.get(tokens) ?? this.random() * jitterShare;
    this.#jitter.set(tokens, jitter);
    return atMs + Math.max(0, expiresAtMs - atMs) * jitter;
  }
}
