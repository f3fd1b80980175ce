import { randomUUID } from 'node:crypto';
import { mkdirSync, watch } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Disposable } from '../core/announcer.js';
import type { Journal } from '../core/journal.js';
import type { Log } from '../core/ports.js';
import { describeError } from '../core/errors.js';
import { unlessMissing } from './unless-missing.js';

const ending = '.json';

/** What is being written has this ending; a killed window leaves it behind. */
const scratchEnding = '.tmp';

/** Nobody writes for longer than this. */
const leftAfterMs = 60_000;

/** Too many open files, or a virus scanner at work: usually over in a moment. */
const passing = ['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EPERM', 'EACCES'];
const attemptDelaysMs = [10, 50, 200];

/** A journal as one file for each text in a private folder. */
export class JournalFiles implements Journal {
  /** @param folder - the same for all windows of one profile; created when missing */
  constructor(
    private readonly folder: string,
    private readonly log: Log,
  ) {}

  async names(): Promise<readonly string[]> {
    const files = (await unlessMissing(readdir(this.folder))) ?? [];
    for (const file of files) if (file.endsWith(scratchEnding)) await this.#clean(join(this.folder, file));
    return files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
  }

  read(name: string): Promise<string | undefined> {
    return unlessMissing(persistently(() => readFile(this.#path(name), 'utf8')));
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const scratch = join(this.folder, `${name}.${randomUUID()}${scratchEnding}`);
    try {
      const file = await open(scratch, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await persistently(() => rename(scratch, this.#path(name)));
    } catch (error) {
      await rm(scratch, { force: true });
      throw error;
    }
    await this.#syncFolder();
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  watch(listener: (name: string) => void): Disposable {
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      const watcher = watch(this.folder, { persistent: false }, (_, file) => {
        if (file?.endsWith(ending) === true) listener(file.slice(0, -ending.length));
      });
      watcher.on('error', (error) =>
        this.log.warn(`Other windows are not watched any more: ${describeError(error)}`),
      );
      return { dispose: () => watcher.close() };
    } catch (error) {
      this.log.warn(`Other windows cannot be watched: ${describeError(error)}`);
      return { dispose: () => undefined };
    }
  }

  #path(name: string): string {
    return join(this.folder, name + ending);
  }

  /** The rename itself must survive a power failure. Windows has no such thing for folders, and does not need it. */
  async #syncFolder(): Promise<void> {
    if (process.platform === 'win32') return;
    const folder = await open(this.folder, 'r');
    try {
      await folder.sync();
    } catch (error) {
      // Some network file systems have no such thing either; the text itself is on the disk.
      this.log.debug(`The journal's folder cannot be synced: ${describeError(error)}`);
    } finally {
      await folder.close();
    }
  }

  async #clean(scratch: string): Promise<void> {
    try {
      const { mtimeMs } = await stat(scratch);
      if (Date.now() - mtimeMs > leftAfterMs) await rm(scratch, { force: true });
    } catch (error) {
      this.log.debug(`A file is left in the journal: ${describeError(error)}`);
    }
  }
}

async function persistently<T>(attempt: () => Promise<T>): Promise<T> {
  for (const delayMs of attemptDelaysMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!passing.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    await wait(delayMs);
  }
  return attempt();
}
