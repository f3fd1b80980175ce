import type { ReadTokenFile } from '../core/ports.js';
import { Secret } from '../core/secret.js';
import { readTextFile, unusableFile } from './text-file.js';

/** Reads a token that another program keeps in a file, such as the platform of a workload. */
export const readTokenFile: ReadTokenFile = async (path) => {
  const token = (await readTextFile(path)).reveal().trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw unusableFile(path, 'holds no token');
  return new Secret(token);
};
