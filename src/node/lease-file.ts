import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerError, describeError, hasCode } from '../core/errors.js';
import type { HeldLease, Leases } from '../core/lease.js';
import type { Log } from '../core/ports.js';
import { LeaseFile, lookAt, pathOf, type Claim } from './lease-claim.js';
import { realSystem, type LeaseSystem } from './lease-system.js';

/** How often a holder shows that it moves. */
const heartbeatMs = 2_000;

/** A holder that has not moved for this long, by the watcher's own timer, is given up. */
const frozenAfterMs = 15_000;

/** How often somebody who waits looks again. */
const pollMs = 50;

/**
 * The most that counts between two looks of a watcher: when the computer sleeps, or the watcher itself is frozen, the
 * holder is, too, and deserves its fifteen seconds after waking up.
 */
const longestLookMs = 1_000;

/** Too many open files, or a virus scanner at work: over in a moment, unlike a folder without rights. */
const troubleLimit = 5;

/**
 * Where no lease can be kept, everybody waits for some part of this and then looks at what is stored. The same expiry
 * wakes all windows, and a renewal takes a fraction of a second: so most of them find that it has been done.
 */
const scatterMs = 3_000;

/** What is worth counting and recording about the taking of leases. */
export interface LeaseNews {
  /** Another window holds the lease that this one wants. Told once for each wait. */
  readonly onWait: () => void;
  /** The lease on `name` was taken from a window that had died, or that stood still. */
  readonly onTakeover: (name: string, why: Abandoned) => void;
}

/** Why a holder is given up. */
type Abandoned = 'dead' | 'frozen';

const nobodyListens: LeaseNews = { onWait: () => undefined, onTakeover: () => undefined };

/**
 * Leases as files in one folder. Each taking of a lease creates a file with a number one above the highest there is;
 * creating is exclusive, so of many takers one succeeds. The file with the highest number is never removed, only
 * marked as released, so a number is never used twice, and a holder that wakes up late finds a higher one.
 */
export class LeaseFiles implements Leases {
  #isBroken = false;

  /** @param folder - the same for all windows of one profile; created when missing */
  constructor(
    private readonly folder: string,
    private readonly log: Log,
    private readonly news: LeaseNews = nobodyListens,
    private readonly system: LeaseSystem = realSystem,
  ) {}

  async hold<T>(name: string, work: (lease: HeldLease) => Promise<T>, patienceMs = Infinity): Promise<T> {
    const lease = await this.#takeOrDoWithout(name, patienceMs);
    if (lease === undefined) {
      await this.system.sleep(scatterMs * this.system.random());
      return work({ isHeld: () => Promise.resolve(true) });
    }
    const heart = setInterval(() => void lease.beat(), heartbeatMs);
    heart.unref();
    try {
      return await work(lease);
    } finally {
      clearInterval(heart);
      await lease.release();
    }
  }

  async #takeOrDoWithout(name: string, patienceMs: number): Promise<LeaseFile | undefined> {
    for (let troubles = 1; ; troubles++) {
      try {
        await mkdir(this.folder, { recursive: true, mode: 0o700 });
        const lease = await this.#take(name, patienceMs);
        this.#isBroken = false;
        return lease;
      } catch (error) {
        if (hasCode(error, 'renewed_elsewhere')) throw error;
        if (this.#isBroken || troubles >= troubleLimit) {
          if (!this.#isBroken) this.log.warn(`Windows cannot be coordinated: ${describeError(error)}`);
          this.#isBroken = true;
          return undefined;
        }
      }
      await this.system.sleep(pollMs);
    }
  }

  async #take(name: string, patienceMs: number): Promise<LeaseFile> {
    const prefix = createHash('sha256').update(name).digest('hex').slice(0, 32);
    let hasWaited = false;
    let seenBefore: string | undefined;
    let lookedAtMs = 0;
    let stillMs = 0;
    let waitedMs = 0;
    for (;;) {
      const highest = await this.#highest(prefix);
      const { claim, stamp } = await lookAt(pathOf(this.folder, prefix, highest));
      const seen = `${highest} ${stamp}`;
      const nowMs = this.system.monotonicMs();
      const passedMs = hasWaited ? Math.min(nowMs - lookedAtMs, longestLookMs) : 0;
      waitedMs += passedMs;
      stillMs = seen === seenBefore ? stillMs + passedMs : 0;
      seenBefore = seen;
      lookedAtMs = nowMs;
      const isGivenBack = highest === 0 || claim?.isReleased === true;
      const abandoned = isGivenBack ? undefined : this.#abandoned(claim, stillMs);
      if (isGivenBack || abandoned !== undefined) {
        const lease = await this.#create(prefix, highest + 1);
        if (lease !== undefined) {
          if (abandoned !== undefined) this.news.onTakeover(name, abandoned);
          return lease;
        }
      }
      if (waitedMs >= patienceMs)
        throw new BrokerError('renewed_elsewhere', 'Another window does not give the lease back.');
      if (!hasWaited) this.news.onWait();
      hasWaited = true;
      await this.system.sleep(pollMs * (0.5 + this.system.random()));
    }
  }

  #abandoned(claim: Claim | undefined, stillMs: number): Abandoned | undefined {
    const { space, isAlive } = this.system;
    if (claim?.space === space && !isAlive(claim.pid)) return 'dead';
    return stillMs >= frozenAfterMs ? 'frozen' : undefined;
  }

  async #create(prefix: string, number: number): Promise<LeaseFile | undefined> {
    const lease = new LeaseFile(this.folder, prefix, number, this.system.space, () => this.#highest(prefix));
    if (!(await lease.create())) return undefined;
    // Whoever was slow may have created a number that others have used and removed long ago.
    if (!(await lease.isHeld())) {
      await lease.remove();
      return undefined;
    }
    await this.#clean(prefix, number);
    return lease;
  }

  async #highest(prefix: string): Promise<number> {
    return Math.max(0, ...(await this.#numbers(prefix)));
  }

  async #numbers(prefix: string): Promise<number[]> {
    const names = await readdir(this.folder);
    const ours = names.filter((name) => name.startsWith(`${prefix}.`) && name.endsWith('.lease'));
    return ours
      .map((name) => Number(name.slice(prefix.length + 1, -'.lease'.length)))
      .filter(Number.isSafeInteger);
  }

  async #clean(prefix: string, below: number): Promise<void> {
    try {
      for (const name of await readdir(this.folder)) {
        // What a window was writing when it was killed, or its disk full, begins with the lease's own name.
        const number = Number(name.slice(prefix.length + 1).replace(/\.lease.*$/, ''));
        if (name.startsWith(`${prefix}.`) && number < below)
          await rm(join(this.folder, name), { force: true });
      }
    } catch (error) {
      // The next taker cleans as well; the lease is ours all the same.
      this.log.debug(`Old leases are left: ${describeError(error)}`);
    }
  }
}
