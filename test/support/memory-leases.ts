import { BrokerError } from '../../src/core/errors.js';
import type { HeldLease, Leases } from '../../src/core/lease.js';
import type { FakeClock } from './fake-clock.js';

/** As long as the leases of the windows on one computer give a holder that does not move. */
const frozenAfterMs = 15_000;

interface Turn {
  readonly window: WindowLeases;
  readonly begin: () => void;
}

/** The leases of one profile, with the rules that those in files have, in the time of a clock that a test moves. */
export class MemoryLeases {
  readonly #holders = new Map<string, Turn>();
  readonly #waiting = new Map<string, Turn[]>();
  /** How often a holder was replaced that had not given its lease back. */
  takeovers = 0;

  constructor(readonly clock: Pick<FakeClock, 'after'>) {}

  /** The leases as one more window has them. */
  window(): WindowLeases {
    return new WindowLeases(this);
  }

  /** The names that somebody holds now. */
  get held(): readonly string[] {
    return [...this.#holders.keys()];
  }

  take(name: string, window: WindowLeases, patienceMs?: number): Promise<Turn> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#leave((waiting) => waiting === turn);
        reject(new BrokerError('renewed_elsewhere', 'Another window does not give the lease back.'));
      };
      const isFree = !this.#holders.has(name);
      const patience = isFree || patienceMs === undefined ? undefined : this.clock.after(patienceMs, giveUp);
      const begin = () => {
        patience?.dispose();
        resolve(turn);
      };
      const turn: Turn = { window, begin };
      if (isFree) {
        this.#begin(name, turn);
        return;
      }
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), turn]);
      this.#watch(name);
    });
  }

  isHolder(name: string, turn: Turn): boolean {
    return this.#holders.get(name) === turn;
  }

  giveBack(name: string, turn: Turn): void {
    if (this.isHolder(name, turn)) this.#next(name);
  }

  /** A dead process is replaced by whoever waits or comes next; it waits for nothing itself any more. */
  bury(window: WindowLeases): void {
    this.#leave((turn) => turn.window === window);
    for (const [name, turn] of [...this.#holders]) if (turn.window === window) this.#replace(name);
  }

  watchFrozen(window: WindowLeases): void {
    for (const [name, turn] of this.#holders) if (turn.window === window) this.#watch(name);
  }

  #leave(isGone: (turn: Turn) => boolean): void {
    for (const [name, turns] of this.#waiting) {
      this.#waiting.set(
        name,
        turns.filter((turn) => !isGone(turn)),
      );
    }
  }

  #begin(name: string, turn: Turn): void {
    this.#holders.set(name, turn);
    turn.begin();
  }

  #next(name: string): void {
    this.#holders.delete(name);
    const turn = this.#waiting.get(name)?.shift();
    if (turn !== undefined) this.#begin(name, turn);
  }

  #replace(name: string): void {
    this.takeovers += 1;
    this.#next(name);
  }

  /** Those who wait give up a holder that is frozen all the while. */
  #watch(name: string): void {
    const turn = this.#holders.get(name);
    if (turn?.window.isFrozen !== true) return;
    const { freezes } = turn.window;
    this.clock.after(frozenAfterMs, () => {
      const hasNotMoved = turn.window.isFrozen && turn.window.freezes === freezes;
      if (hasNotMoved && this.isHolder(name, turn) && (this.#waiting.get(name) ?? []).length > 0) {
        this.#replace(name);
      }
    });
  }
}

/** What one window has of them. */
export class WindowLeases implements Leases {
  #isFrozen = false;
  #looksToFail = 0;
  freezes = 0;

  constructor(private readonly shared: MemoryLeases) {}

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  async hold<T>(name: string, work: (lease: HeldLease) => Promise<T>, patienceMs?: number): Promise<T> {
    const turn = await this.shared.take(name, this, patienceMs);
    try {
      return await work({ isHeld: () => this.#look(name, turn) });
    } finally {
      this.shared.giveBack(name, turn);
    }
  }

  /** Whether a lease is held cannot be found out the next `times`. */
  failLooks(times: number): void {
    this.#looksToFail = times;
  }

  #look(name: string, turn: Turn): Promise<boolean> {
    if (this.#looksToFail === 0) return Promise.resolve(this.shared.isHolder(name, turn));
    this.#looksToFail -= 1;
    return Promise.reject(new Error('Too many open files.'));
  }

  /** The window's process is killed. What it was doing is for the test to stop. */
  crash(): void {
    this.shared.bury(this);
  }

  /** The window's process stops moving; what it was doing is for the test to stop. */
  freeze(): void {
    this.#isFrozen = true;
    this.freezes += 1;
    this.shared.watchFrozen(this);
  }

  thaw(): void {
    this.#isFrozen = false;
  }
}
