import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describeError } from '../core/errors.js';
import type { Leases } from '../core/lease.js';
import type { Ledger, LedgerContent } from '../core/ledger.js';
import type { Log } from '../core/ports.js';
import { unlessMissing } from './unless-missing.js';

const ending = '.ndjson';

/** What is being folded has this ending, so that nobody adds to it any more; a killed window leaves it behind. */
const foldingEnding = '.folding';

/** What a fold is writing has this ending, and counts for nothing before it has got the other. */
const scratchEnding = '.tmp';

/** A folder in which files come and go faster than they can be listed is somebody's mistake. */
const listingLimit = 10;

/** As often as a file may be taken away from under a writer in one go. */
const appendLimit = 5;

/**
 * A ledger as files of lines in a private folder: each window adds to a file of its own, so no two ever write the
 * same one. Each profile has a folder of its own on each host (this computer, each remote), which keeps theirs apart.
 *
 * A fold renames the files before it reads them. A window that was about to add to one finds it gone, and adds again
 * to a new one of the same name; so a line may come twice, and none is lost.
 */
export class LedgerFiles implements Ledger {
  readonly #own = `${randomUUID()}${ending}`;

  /** @param folder - the same for all windows of one profile; created when missing */
  constructor(
    private readonly folder: string,
    private readonly leases: Leases,
    private readonly log: Log,
  ) {}

  async load(): Promise<LedgerContent> {
    const texts = new Map<string, string>();
    // While a fold moves lines from file to file, one listing may miss them under both names; the next one does not.
    for (let listing = 0; listing < listingLimit; listing++) {
      const unread = (await this.#names()).filter((name) => !texts.has(name));
      if (unread.length === 0 && listing > 0) break;
      for (const name of unread) {
        const text = await this.#read(name);
        if (text !== undefined) texts.set(name, text);
      }
    }
    return { lines: [...texts.values()].flatMap(linesOf), pieces: texts.size };
  }

  async append(lines: readonly string[]): Promise<void> {
    await this.#createFolder();
    const path = join(this.folder, this.#own);
    // Begins with a line break: what was cut off before, by a full disk, takes none of these along.
    const text = ['', ...lines, ''].join('\n');
    for (let attempt = 0; attempt < appendLimit; attempt++) {
      const file = await open(path, 'a', 0o600);
      try {
        await file.appendFile(text);
        // Compared while it is open, since the number of a file that is gone is given to the next one.
        if (await isAt(path, file)) return;
      } finally {
        await file.close();
      }
    }
    throw new Error('The file is taken away again and again.');
  }

  async fold(keep: (lines: readonly string[]) => readonly string[]): Promise<void> {
    await this.#createFolder();
    await this.leases.hold(`ledger ${basename(this.folder)}`, async (lease) => {
      await this.#clean();
      const taken: string[] = [];
      for (const name of await this.#names()) {
        const own = await this.#take(name);
        if (own !== undefined) taken.push(own);
      }
      const texts = await Promise.all(taken.map((name) => this.#read(name)));
      const kept = keep(texts.flatMap((text) => linesOf(text ?? '')));
      // Whoever took over while this window stood still has folded the same files; the loser's copy is not needed.
      if (!(await lease.isHeld())) return;
      if (kept.length > 0) await this.#write(kept);
      for (const name of taken) await rm(join(this.folder, name), { force: true });
    });
  }

  /** @returns the name under which nobody else knows the file; undefined when it cannot be had now */
  async #take(name: string): Promise<string | undefined> {
    const own = `${randomUUID()}${foldingEnding}`;
    try {
      await rename(join(this.folder, name), join(this.folder, own));
      return own;
    } catch (error) {
      this.log.debug(`A file stays out of the fold: ${describeError(error)}`);
      return undefined;
    }
  }

  async #write(lines: readonly string[]): Promise<void> {
    const name = randomUUID();
    const scratch = join(this.folder, name + scratchEnding);
    const file = await open(scratch, 'wx', 0o600);
    try {
      await file.writeFile(`${lines.join('\n')}\n`);
      // The files that this one replaces are removed next.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(scratch, join(this.folder, name + ending));
  }

  /** What a killed window was writing; under the lease, nobody else is writing such a file. */
  async #clean(): Promise<void> {
    const files = (await readdir(this.folder)).filter((name) => name.endsWith(scratchEnding));
    for (const name of files) await rm(join(this.folder, name), { force: true });
  }

  async #names(): Promise<string[]> {
    const names = (await unlessMissing(readdir(this.folder))) ?? [];
    return names.filter((name) => name.endsWith(ending) || name.endsWith(foldingEnding));
  }

  #read(name: string): Promise<string | undefined> {
    return unlessMissing(readFile(join(this.folder, name), 'utf8'));
  }

  async #createFolder(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** Whether `file` is the one that has this path now. */
async function isAt(path: string, file: FileHandle): Promise<boolean> {
  const present = await unlessMissing(stat(path, { bigint: true }));
  return present?.ino === (await file.stat({ bigint: true })).ino;
}
