import { readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.js';
import { absolutePath } from './private-folder.js';
import { unlessMissing } from './unless-missing.js';

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

/** Removes everything of ours that is in `folder`, and nothing else. */
export async function eraseFiles(folder: string): Promise<void> {
  for (const name of ['encrypted', 'journal', 'sessions', 'bindings', 'leases', 'audit'])
    await rm(join(folder, name), { recursive: true, force: true });
}

/** Whether a credential lies in `folder`, of whichever profile. */
export async function holdsCredentials(folder: string): Promise<boolean> {
  const entries = await namesIn(encryptedIn(folder));
  if (entries.some((name) => name.endsWith('.entry'))) return true;
  const journal = join(folder, 'journal');
  for (const name of await namesIn(journal)) {
    const text = await unlessMissing(readFile(join(journal, name), 'utf8'));
    // What has been removed is noted in there, too.
    if (text?.includes('"kind":"sealed"') === true) return true;
  }
  return false;
}

const namesIn = async (folder: string): Promise<readonly string[]> =>
  (await unlessMissing(readdir(folder))) ?? [];
