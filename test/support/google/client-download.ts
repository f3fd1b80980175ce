import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerWindow } from '../broker-window.js';
import { scratchFolder } from '../scratch-folder.js';

/** Saves what the console of the issuer offers for download. @returns the path of the file */
export function downloaded(content: string): string {
  const path = join(scratchFolder(), 'client_secret.json');
  writeFileSync(path, content);
  return path;
}

/**
 * Adds a client as the user does it, by its file.
 * @param content - of the file
 * @param who - the addresses and domains that it is for; everybody when missing
 */
export async function addClient(window: BrokerWindow, content: string, who?: string): Promise<void> {
  window.editor.window.planPath(downloaded(content));
  const forWhom = who === undefined ? /Everybody/ : /Certain Addresses or Domains/;
  const adding = window.run('addGoogleClient', /Choose the Downloaded File/, forWhom);
  if (who !== undefined) (await window.editor.window.input(/E-mail addresses and domains/)).enter(who);
  (await window.editor.window.message(/sign in with your Google client now/)).close();
  await adding;
}
