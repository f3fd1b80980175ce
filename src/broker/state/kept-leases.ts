import { hasCode } from '../../core/errors.js';
import type { HeldLease, Leases } from '../../core/lease.js';

/** Longer than a renewal takes that waits for each of its answers as long as it may. */
const longPatienceMs = 2 * 60_000;

/** A lease from when it is taken until it is given back. */
interface Tenure {
  readonly lease: HeldLease;
  /** Settles when nobody in this window works under it any more. */
  work: Promise<unknown>;
  /** It is not given back with the work that it was taken for, but `until` somebody says so. */
  kept?: { readonly until: Promise<void>; readonly end: () => void };
}

/**
 * The leases of a window, which it can keep beyond the work that they were taken for: as long as something is only in
 * its memory, no other window may act upon what is stored. Its own work goes on meanwhile, one after the other.
 */
export class KeptLeases implements Leases {
  readonly #tenures = new Map<string, Tenure>();
  /** Those that this window waits for; each settles when the wait is over. */
  readonly #taking = new Map<string, Promise<void>>();

  constructor(private readonly leases: Leases) {}

  /**
   * @param patienceMs - for how long it waits for another window; two minutes when undefined
   * @throws BrokerError `renewed_elsewhere` when that is over
   */
  async hold<T>(
    name: string,
    work: (lease: HeldLease) => Promise<T>,
    patienceMs = longPatienceMs,
  ): Promise<T> {
    // Whoever comes before us in this window may keep the lease, and would be waited for in vain.
    for (let busy = this.#busy(name); busy !== undefined; busy = this.#busy(name)) await busy;
    const kept = this.#tenures.get(name);
    if (kept === undefined) return this.#take(name, work, patienceMs);
    const unlessLost = async (lease: HeldLease) =>
      (await lease.isHeld()) ? { result: await work(lease) } : undefined;
    const done = await run(kept, unlessLost);
    if (done !== undefined) return done.result;
    // Another window has given this one up for frozen.
    this.#end(name, kept);
    return this.hold(name, work, patienceMs);
  }

  /**
   * As `hold`, for what the user has asked for: another window that stores nothing does not keep anybody from it.
   * @param work - takes no lease of this name itself
   */
  async holdOrDoWithout<T>(name: string, work: (lease: HeldLease) => Promise<T>): Promise<T> {
    try {
      return await this.hold(name, work);
    } catch (error) {
      if (!hasCode(error, 'renewed_elsewhere')) throw error;
      return work({ isHeld: () => Promise.resolve(true) });
    }
  }

  /** The lease that this window holds now is not given back with its work, but by `release`. */
  keep(name: string): void {
    const tenure = this.#tenures.get(name);
    if (tenure === undefined || tenure.kept !== undefined) return;
    let end = (): void => undefined;
    const until = new Promise<void>((resolve) => (end = resolve));
    tenure.kept = { until, end };
  }

  /** Gives a lease back that was kept, when the work that waits for it in this window has ended. */
  release(name: string): void {
    const tenure = this.#tenures.get(name);
    if (tenure?.kept !== undefined) this.#end(name, tenure);
  }

  /** Settles when it is worth looking again; undefined when the lease is to be taken now, or is kept. */
  #busy(name: string): Promise<unknown> | undefined {
    const tenure = this.#tenures.get(name);
    if (tenure === undefined) return this.#taking.get(name);
    return tenure.kept === undefined ? tenure.work : undefined;
  }

  #end(name: string, tenure: Tenure): void {
    if (this.#tenures.get(name) === tenure) this.#tenures.delete(name);
    void tenure.work.then(tenure.kept?.end);
  }

  /** A lease that is kept keeps nobody from the result of the work. */
  #take<T>(name: string, work: (lease: HeldLease) => Promise<T>, patienceMs: number): Promise<T> {
    const waited = this.#wait(name);
    return new Promise<T>((resolve, reject) => {
      const hold = async (lease: HeldLease): Promise<T> => {
        const tenure: Tenure = { lease, work: Promise.resolve() };
        this.#tenures.set(name, tenure);
        waited();
        const result = run(tenure, work);
        await tenure.work;
        if (tenure.kept !== undefined) {
          resolve(result);
          await tenure.kept.until;
        } else if (this.#tenures.get(name) === tenure) this.#tenures.delete(name);
        return result;
      };
      this.leases.hold(name, hold, patienceMs).finally(waited).then(resolve, reject);
    });
  }

  /** @returns what ends the wait, once */
  #wait(name: string): () => void {
    let end = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (end = resolve));
    this.#taking.set(name, waiting);
    return () => {
      if (this.#taking.get(name) === waiting) this.#taking.delete(name);
      end();
    };
  }
}

function run<T>(tenure: Tenure, work: (lease: HeldLease) => Promise<T>): Promise<T> {
  const result = tenure.work.then(() => work(tenure.lease));
  tenure.work = result.catch(() => undefined);
  return result;
}
