import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { BrokerError } from '../core/errors.js';
import { codeOf } from './atomic-file.js';

/**
 * A path as people write it in settings.
 * @param home - what `~` stands for
 * @returns undefined when it is relative: nobody knows to what
 */
export function absolutePath(text: string, home: string): string | undefined {
  const path = /^~[/\\]/.test(text) ? join(home, text.slice(2)) : text;
  return isAbsolute(path) ? path : undefined;
}

/**
 * Sees to it that the user's folder `path` is there and takes files, and that nobody else can put something in the
 * place of what is ours in it. It may be a link: the user has named it.
 * @throws BrokerError `storage_unusable`
 */
export async function requireUsableFolder(path: string): Promise<void> {
  const name = JSON.stringify(path);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const probe = join(path, `.${randomUUID()}.tmp`);
    await writeFile(probe, '', { flag: 'wx', mode: 0o600 });
    await rm(probe);
  } catch (cause) {
    throw unusable(`the folder ${name} takes no files (${codeOf(cause)})`, cause);
  }
  if (process.platform === 'win32') return;
  const { mode } = await stat(path);
  const isSticky = (mode & 0o1000) !== 0;
  if ((mode & 0o022) !== 0 && !isSticky)
    throw unusable(`others can write to the folder ${name}; run: chmod go-w ${name}`);
}

/**
 * Sees to it that our own folder `path` is there and is for the user alone. A link in its place is not followed: we
 * have made none, so somebody else would say where secrets are read from.
 * @throws BrokerError `storage_unusable`
 */
export async function requirePrivateFolder(path: string): Promise<void> {
  const name = JSON.stringify(path);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const stats = await lstat(path);
    if (!stats.isDirectory()) throw unusable(`a link or a file is in the place of the folder ${name}`);
    if (process.platform === 'win32') return;
    if (stats.uid !== process.getuid?.()) throw unusable(`the folder ${name} belongs to somebody else`);
    if ((stats.mode & 0o077) !== 0) await chmod(path, 0o700);
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw unusable(`the folder ${name} cannot be used (${codeOf(cause)})`, cause);
  }
}

const unusable = (why: string, cause?: unknown): BrokerError =>
  new BrokerError('storage_unusable', why, { cause, details: { why } });
