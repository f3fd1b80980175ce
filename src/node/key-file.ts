import { randomBytes } from 'node:crypto';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { BrokerError } from '../core/errors.js';
import { codeOf } from './atomic-file.js';

/** As many as the key of AES-256 has. */
const keyBytes = 32;

/** Whoever names a film by mistake should not wait for it. */
const limitBytes = 65_536;

/** Another window that is making the file is done by then. */
const makingLimitMs = 500;

/**
 * What a key file holds: the key, or a text that somebody else has made it of.
 * @returns undefined when there is no such file
 * @throws BrokerError `storage_unusable` when others could read it, when it is too short, or cannot be read
 */
export async function readKeyFile(path: string): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw unusable(`the key file ${JSON.stringify(path)} cannot be read (${codeOf(cause)})`, cause);
  }
  try {
    return await read(file, path);
  } finally {
    await file.close();
  }
}

/**
 * What the key file holds, which is made when it is missing; of many windows that make it, one does.
 * @throws BrokerError `storage_unusable`
 */
export async function obtainKeyFile(path: string): Promise<Uint8Array> {
  for (const endAtMs = Date.now() + makingLimitMs; ;) {
    try {
      return (await readKeyFile(path)) ?? (await make(path));
    } catch (error) {
      // Made by another window in the same moment, perhaps not written yet.
      if (codeOf(error) !== 'EEXIST' && !(error instanceof TooShort)) throw error;
      if (Date.now() > endAtMs) throw error;
    }
    await wait(10);
  }
}

/** There is less in it than a key needs, for now. */
class TooShort extends BrokerError {}

async function read(file: FileHandle, path: string): Promise<Uint8Array> {
  // Of what is open, so that nobody can put another file in its place after the look.
  const stats = await file.stat();
  const { mode, uid, size } = stats;
  const name = JSON.stringify(path);
  if (!stats.isFile()) throw unusable(`the key file ${name} is no file`);
  if (process.platform !== 'win32') {
    const isForeign = uid !== process.getuid?.() && uid !== 0;
    if (isForeign) throw unusable(`the key file ${name} belongs to somebody else`);
    if ((mode & 0o077) !== 0) {
      throw unusable(`others can read the key file ${name}; run: chmod 600 ${name}`);
    }
  }
  if (size > limitBytes) throw unusable(`the key file ${name} is too large to be one`);
  const content = await file.readFile();
  if (content.length >= keyBytes) return content;
  const why = `the key file ${name} holds less than ${keyBytes} bytes`;
  throw new TooShort('storage_unusable', why, { details: { why } });
}

async function make(path: string): Promise<Uint8Array> {
  const key = randomBytes(keyBytes);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(key);
      await file.sync();
    } finally {
      await file.close();
    }
    return key;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw cause;
    throw unusable(`the key file ${JSON.stringify(path)} cannot be made (${codeOf(cause)})`, cause);
  }
}

const unusable = (why: string, cause?: unknown): BrokerError =>
  new BrokerError('storage_unusable', why, { cause, details: { why } });
