import { mkdirSync, watch } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disposable } from '../core/announcer.js';
import type { Journal } from '../core/journal.js';
import type { Log } from '../core/ports.js';
import { describeError } from '../core/errors.js';
import { persistently, replaceFile, sweep } from './atomic-file.js';
import { unlessMissing } from './unless-missing.js';

const ending = '.json';

/** A journal as one file for each text in a private folder. */
export class JournalFiles implements Journal {
  /** @param folder - the same for all windows of one profile; created when missing */
  constructor(
    private readonly folder: string,
    private readonly log: Log,
  ) {}

  async names(): Promise<readonly string[]> {
    const files = (await unlessMissing(readdir(this.folder))) ?? [];
    await sweep(this.folder, files, this.log);
    return files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
  }

  read(name: string): Promise<string | undefined> {
    return unlessMissing(persistently(() => readFile(this.#path(name), 'utf8')));
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await replaceFile(this.folder, name + ending, text, this.log);
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
}
