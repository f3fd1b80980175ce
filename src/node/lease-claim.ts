import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeldLease } from '../core/lease.js';

/** What a lease file says. */
export interface Claim {
  readonly owner: string;
  /** Where the owner's `pid` means the owner. */
  readonly space: string;
  readonly pid: number;
  readonly isReleased: boolean;
}

/** A lease file as a watcher finds it. */
interface Look {
  /** Undefined where it cannot be read: it is being written, or was cut off while it was. */
  readonly claim: Claim | undefined;
  /** Another one each time that the holder has moved. Not to be read as a time: the clock is the holder's. */
  readonly stamp: string;
}

/** Where the taking of a lease with that number is. @param prefix - the same for all takings of one lease */
export const pathOf = (folder: string, prefix: string, number: number): string =>
  join(folder, `${prefix}.${number}.lease`);

/** What a watcher sees at `path`. Never rejects. */
export async function lookAt(path: string): Promise<Look> {
  const [text, mtimeMs] = await Promise.all([
    readFile(path, 'utf8').catch(() => ''),
    stat(path).then(
      (found) => found.mtimeMs,
      () => 0,
    ),
  ]);
  return { claim: claimIn(text), stamp: `${mtimeMs} ${text}` };
}

function claimIn(text: string): Claim | undefined {
  try {
    return JSON.parse(text) as Claim;
  } catch {
    return undefined;
  }
}

/** One taking of a lease. */
export class LeaseFile implements HeldLease {
  readonly #path: string;
  #claim: Claim;

  constructor(
    folder: string,
    prefix: string,
    private readonly number: number,
    space: string,
    private readonly highest: () => Promise<number>,
  ) {
    this.#claim = { owner: randomUUID(), space, pid: process.pid, isReleased: false };
    this.#path = pathOf(folder, prefix, number);
  }

  /** @returns false when somebody else has taken this number */
  async create(): Promise<boolean> {
    const file = await open(this.#path, 'wx', 0o600).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      throw error;
    });
    if (file === undefined) return false;
    try {
      await file.writeFile(JSON.stringify(this.#claim)).finally(() => file.close());
      return true;
    } catch (error) {
      // A claim that says nothing would take the lease from whoever holds the number below.
      await this.remove();
      throw error;
    }
  }

  async isHeld(): Promise<boolean> {
    return !this.#claim.isReleased && (await this.highest()) === this.number;
  }

  /**
   * Shows that the holder moves. Writes nothing, since a disk that is full takes no lease away. Never rejects: a
   * heartbeat that fails, like a release, makes others wait until they give us up; nothing worse.
   */
  async beat(): Promise<void> {
    await utimes(this.#path, new Date(), new Date()).catch(() => undefined);
  }

  /** Never rejects. */
  async release(): Promise<void> {
    this.#claim = { ...this.#claim, isReleased: true };
    await this.#replace(JSON.stringify(this.#claim)).catch(() => undefined);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  async #replace(text: string): Promise<void> {
    // Only a file that is still there is replaced: a taker who has given us up may have removed it.
    const scratch = `${this.#path}.${this.#claim.owner}`;
    await writeFile(scratch, text, { mode: 0o600 });
    if ((await this.highest()) === this.number) await rename(scratch, this.#path);
    else await rm(scratch, { force: true });
  }
}
