import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { PlaintextFile, Removal } from '../core/importing.js';
import { codeOf } from './atomic-file.js';

/** Credentials are a few kilobytes; a log or a film by mistake is not waited for. */
const fileLimitBytes = 65_536;

/** More than anybody has; a folder that was named by mistake may have any number. */
const folderLimit = 1_000;

/** A file of another program, with its text when it has one that can be read. */
interface ForeignFile {
  readonly file: PlaintextFile;
  readonly text: string;
  readonly modifiedAtMs: number;
}

export type ForeignRead = ForeignFile | UnreadFile;

/** One that is there, and cannot be read. */
interface UnreadFile {
  readonly path: string;
  readonly why: 'unreadable' | 'too-large';
  /** Infinity when nobody can say. */
  readonly modifiedAtMs: number;
}

/** The names of what is in `folder`, sorted; none when it cannot be read. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort().slice(0, folderLimit);
  } catch {
    return [];
  }
}

/**
 * Reads a file as it is now. A link is followed, and it is said where it leads.
 * @returns undefined when there is none
 */
export async function readForeign(path: string): Promise<ForeignRead | undefined> {
  let modifiedAtMs = Infinity;
  try {
    const isLink = (await lstat(path)).isSymbolicLink();
    const target = await realpath(path);
    modifiedAtMs = (await lstat(target)).mtimeMs;
    const bytes = await readBounded(target);
    if (bytes === undefined) return { path, why: 'too-large', modifiedAtMs };
    const file = { path, digest: digestOf(bytes), ...(isLink && { leadsTo: target }) };
    return { file, text: bytes.toString('utf8'), modifiedAtMs };
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : { path, why: 'unreadable', modifiedAtMs };
  }
}

/**
 * Deletes `file`, if it still is what was read. It is moved aside first and looked at there, so that what its owner
 * writes in its place in the same moment stays.
 */
export async function removeForeign({ path, digest, leadsTo }: PlaintextFile): Promise<Removal> {
  const aside = join(dirname(path), `.${basename(path)}.${digest.slice(0, digestLength)}.removing`);
  try {
    if (leadsTo !== undefined || (await lstat(path)).isSymbolicLink()) return 'changed';
    await finishRemoval(aside);
    await rename(path, aside);
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'gone' : 'failed';
  }
  try {
    return (await finishRemoval(aside)) ?? 'removed';
  } catch {
    await putBack(aside, path).catch(() => undefined);
    return 'failed';
  }
}

/** Enough to tell two versions of a file apart; a name may not be long. */
const digestLength = 16;

/**
 * Ends in `folder` what a window that stopped in the middle of a removal has left: what was to be deleted goes, and what
 * had changed by then comes back. What cannot be ended now is left for the next time.
 */
export async function finishRemovals(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) await finishRemoval(join(folder, name)).catch(() => undefined);
}

/** @returns what became of what lies at `aside`; undefined when that is nothing, or no file that was moved there by us */
async function finishRemoval(aside: string): Promise<'removed' | 'changed' | undefined> {
  const [, name, digest] = /^\.(.+)\.([0-9a-f]{16})\.removing$/.exec(basename(aside)) ?? [];
  if (name === undefined || digest === undefined) return undefined;
  try {
    const bytes = await readBounded(aside);
    if (bytes !== undefined && digestOf(bytes).startsWith(digest)) {
      await rm(aside);
      return 'removed';
    }
    await putBack(aside, join(dirname(aside), name));
    return 'changed';
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A link does not replace what is there, as a renaming would: by now, that may be newer. */
async function putBack(aside: string, path: string): Promise<void> {
  try {
    await link(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      await rename(aside, path);
      return;
    }
  }
  await rm(aside);
}

/** @returns undefined when it is too large. @throws also when it is no file */
async function readBounded(path: string): Promise<Buffer | undefined> {
  // A pipe with nobody at its other end would keep whoever opens it waiting. Windows knows neither such pipes nor the flag.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('It is no file.');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(fileLimitBytes + 1), 0, fileLimitBytes + 1, 0);
    return bytesRead > fileLimitBytes ? undefined : buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
