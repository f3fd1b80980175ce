import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../src/core/secret.js';
import type { EncryptedStore } from '../../src/node/encrypted-store.js';
import { EncryptedFolder } from '../../src/node/encrypted-folder.js';
import type { Opener } from '../../src/node/store-header.js';
import { RecordingLog } from './recording-log.js';

/** As little work as a header may ask for: tests guess no passphrases. */
export const cheap = { N: 2 ** 10, r: 8, p: 1 } as const;

/** A recognizable value. */
export const childValue = 'what-a-child-writes';

export const passphrase = (text: string): Opener => ({ kind: 'passphrase', passphrase: new Secret(text) });

/** The store in `folder`, made when it is missing, and opened with the one passphrase of the tests. */
export async function storeIn(
  folder: string,
  log = new RecordingLog(),
  onSetAside: () => void = () => undefined,
): Promise<EncryptedStore> {
  const store = await new EncryptedFolder(folder, log, onSetAside, cheap).open(passphrase('open sesame'));
  if (store === undefined) throw new Error('The passphrase of the tests does not open it.');
  return store;
}

/** Everything in `folder` and below: paths, and what stands in the files, byte for byte. */
export function everythingIn(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${path}\n${entry.isFile() ? readFileSync(path, 'latin1') : ''}`;
    })
    .join('\n');
}
