import { randomUUID } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describeError } from '../core/errors.js';
import type { Log } from '../core/ports.js';

/** What is being written has this ending; a killed window leaves it behind. */
const scratchEnding = '.tmp';

/** Nobody writes for longer than this. */
const leftAfterMs = 60_000;

/** Too many open files, or a virus scanner at work: usually over in a moment. */
const passing = ['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EPERM', 'EACCES'];
const attemptDelaysMs = [10, 50, 200];

/**
 * Replaces a file as a whole: every reader finds the old content or the new one, and when this resolves, a power
 * failure does not undo it. The file is for the user alone.
 * @param folder - must exist
 */
export async function replaceFile(
  folder: string,
  name: string,
  content: string | Uint8Array,
  log: Log,
): Promise<void> {
  const scratch = join(folder, `${name}.${randomUUID()}${scratchEnding}`);
  try {
    const file = await open(scratch, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await persistently(() => rename(scratch, join(folder, name)));
  } catch (error) {
    await rm(scratch, { force: true });
    throw error;
  }
  await syncFolder(folder, log);
}

/** Removes from `folder` what killed windows were writing, of the `files` that are there. */
export async function sweep(folder: string, files: readonly string[], log: Log): Promise<void> {
  for (const file of files.filter((name) => name.endsWith(scratchEnding))) {
    const scratch = join(folder, file);
    try {
      const { mtimeMs } = await stat(scratch);
      if (Date.now() - mtimeMs > leftAfterMs) await rm(scratch, { force: true });
    } catch (error) {
      log.debug(`A file that was never finished is left: ${describeError(error)}`);
    }
  }
}

/** Tries again for a moment what fails for reasons that are usually over in one. */
export async function persistently<T>(attempt: () => Promise<T>): Promise<T> {
  for (const delayMs of attemptDelaysMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!passing.includes(codeOf(error))) throw error;
    }
    await wait(delayMs);
  }
  return attempt();
}

/** The operating system's name for what went wrong, empty when it has none. */
export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** The rename itself must survive a power failure. Windows has no such thing for folders, and does not need it. */
async function syncFolder(path: string, log: Log): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems have no such thing either; the content itself is on the disk.
    log.debug(`A folder cannot be synced: ${describeError(error)}`);
  } finally {
    await folder.close();
  }
}
