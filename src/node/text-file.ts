import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { BrokerError } from '../core/errors.js';
import type { ReadTextFile } from '../core/ports.js';
import { Secret } from '../core/secret.js';

/** Tokens and keys are a few kilobytes; a device or a log file by mistake has no end. */
const limitBytes = 65_536;

/** Reads what another program keeps in a file, which is secret as a whole. */
export const readTextFile: ReadTextFile = async (path) => {
  if (!isAbsolute(path)) throw unusableFile(path, 'has no absolute path');
  const bytes = await readStart(path).catch((cause: unknown) => {
    throw unusableFile(path, 'cannot be read', cause);
  });
  if (bytes.length > limitBytes) throw unusableFile(path, 'is too large for a token');
  return new Secret(bytes.toString('utf8'));
};

/** @param why - as the rest of a sentence about the file */
export const unusableFile = (path: string, why: string, cause?: unknown): BrokerError =>
  new BrokerError('token_file_unusable', `The token file ${why}.`, { cause, details: { path, why } });

async function readStart(path: string): Promise<Buffer> {
  // A pipe with nobody at its other end would keep whoever opens it waiting, and the thread that does. Windows knows neither such pipes nor the flag.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('It is no file.');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(limitBytes + 1), 0, limitBytes + 1, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
