import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.js';
import { absolutePath } from './private-folder.js';

/**
 * The folder that a setting means.
 * @param setting - the setting's name, for the message
 * @throws BrokerError `storage_unusable` when it is relative
 */
export function folderOf(setting: string, text: string): string {
  const path = absolutePath(text, homedir());
  if (path !== undefined) return path;
  const why = `${JSON.stringify(text)} in "${setting}" is not an absolute path`;
  throw new BrokerError('storage_unusable', why, { details: { why } });
}

/** Where an encrypted store is in `folder`. */
export const encryptedIn = (folder: string): string => join(folder, 'encrypted');

/** Where it is kept in `folder` what servers said. */
export const serversIn = (folder: string): string => join(folder, 'servers');

/** Removes what servers said, of which every place gets to know anew. */
export async function eraseServers(folder: string): Promise<void> {
  await rm(serversIn(folder), { recursive: true, force: true });
}

/** Removes everything of ours that is in `folder` but the journal, and nothing else. */
export async function eraseFiles(folder: string): Promise<void> {
  for (const name of ['encrypted', 'sessions', 'bindings', 'leases', 'audit'])
    await rm(join(folder, name), { recursive: true, force: true });
  await eraseServers(folder);
}
