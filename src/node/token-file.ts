import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { BrokerError } from '../core/errors.js';
import type { ReadTokenFile } from '../core/ports.js';
import { Secret } from '../core/secret.js';

/** Tokens are a few kilobytes; a device or a log file by mistake has no end. */
const limitBytes = 65_536;

/** Reads a token that another program keeps in a file, such as the platform of a workload. */
export const readTokenFile: ReadTokenFile = async (path) => {
  const unusable = (why: string, cause?: unknown) =>
    new BrokerError('token_file_unusable', `The token file ${why}.`, { cause, details: { path, why } });
  if (!isAbsolute(path)) throw unusable('has no absolute path');
  const bytes = await readStart(path).catch((cause: unknown) => {
    throw unusable('cannot be read', cause);
  });
  if (bytes.length > limitBytes) throw unusable('is too large for a token');
  const token = bytes.toString('utf8').trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw unusable('holds no token');
  return new Secret(token);
};

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
