import type { Clock } from '../../core/ports.js';
import type { Bindings } from '../../vault/ledgers/bindings.js';
import type { BoundServers } from './bound-servers.js';
import type { Chore } from '../state/chore.js';

/** How often it is looked, and how long the clock has to go steadily before anything is dropped by it. */
const lookEveryMs = 3_600_000;

export interface UnusedBindingsParts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly servers: Pick<BoundServers, 'areBound' | 'noteUse'>;
  readonly bindings: Pick<Bindings, 'dropUnused'>;
  readonly rules: {
    /** How long a binding is kept that nobody uses, in milliseconds. */
    readonly bindingsKeepMs: () => number;
  };
}

/**
 * Drops the bindings that nobody has used for long, such as those of a workspace that was deleted. Those of this
 * window's servers are in use for as long as it is open.
 *
 * A clock that is wrong for a while, as that of a computer that has just been started may be, must not drop them all:
 * it counts only when it has gone from one look to the next as time does. An hour of it is also time for all windows
 * that were opened together to say what they use.
 */
export class UnusedBindings implements Chore {
  #lookedAtMs: number;

  constructor(private readonly parts: UnusedBindingsParts) {
    this.#lookedAtMs = parts.clock.nowMs();
  }

  dueAtMs(nowMs: number): number {
    const lookAtMs = this.#lookedAtMs + lookEveryMs;
    const isDue = nowMs < this.#lookedAtMs || nowMs >= lookAtMs;
    if (isDue) return nowMs;
    // A window without bindings has no use to note. One whose sign-ins have all ended has: they come back.
    return this.parts.servers.areBound ? lookAtMs : Infinity;
  }

  begin(): void {
    const { clock, servers, bindings, rules } = this.parts;
    const nowMs = clock.nowMs();
    const passedMs = nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    servers.noteUse();
    const isSteady = passedMs >= lookEveryMs && passedMs < 2 * lookEveryMs;
    if (isSteady) void bindings.dropUnused(nowMs - rules.bindingsKeepMs());
  }
}
