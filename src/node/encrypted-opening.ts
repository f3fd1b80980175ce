import { BrokerError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import { EncryptedFolder } from './encrypted-folder.js';
import type { EncryptedStore } from './encrypted-store.js';
import { obtainKeyFile, readKeyFile } from './key-file.js';
import { folderOf } from './storage-folders.js';
import type { Opener } from './store-header.js';

/** What an encrypted store waits for. */
export interface ClosedStore {
  readonly folder: EncryptedFolder;
  /** Whether there is no passphrase yet, so that one is to be chosen. */
  readonly isNew: boolean;
}

export type OpenedStore =
  | { readonly kind: 'open'; readonly store: EncryptedStore }
  | { readonly kind: 'closed'; readonly closed: ClosedStore };

export interface Keys {
  /** The key file in the settings; empty for none. */
  readonly keyFile: string;
  /** The one in the settings when the store was opened last. */
  readonly lastKeyFile: string;
  /** Passphrases that are known: of the environment, or typed. */
  readonly passphrases: readonly Secret[];
}

/**
 * Opens the encrypted store in `folder` with what the settings and the environment say; when the settings say
 * something else than what it was closed with, it is closed with that from now on.
 * @param mayMake - whether a store that is not there is to be made, instead of being missed
 * @throws BrokerError `storage_unusable`
 */
export async function openEncrypted(
  folder: EncryptedFolder,
  keys: Keys,
  mayMake: boolean,
  log: Log,
): Promise<OpenedStore> {
  // A mistake in the settings is found before anything is made.
  if (keys.keyFile !== '') keyPath(keys.keyFile);
  const closure = await folder.closure();
  switch (closure) {
    case 'new': {
      if (!mayMake) throw unusable('the encrypted files that were there are not there now');
      const opener = await nextOpener(keys);
      if (opener === undefined) return { kind: 'closed', closed: { folder, isNew: true } };
      return opened(await folder.open(opener), folder);
    }
    case 'passphrase': {
      for (const passphrase of keys.passphrases) {
        const opener = { kind: 'passphrase', passphrase } as const;
        const store = await folder.open(opener);
        if (store === undefined) continue;
        if (keys.keyFile !== '') await closeAnew(folder, opener, await keyFileOpener(keys.keyFile), log);
        return { kind: 'open', store };
      }
      if (keys.passphrases.length > 0) log.warn('The encrypted files are closed with another passphrase.');
      return { kind: 'closed', closed: { folder, isNew: false } };
    }
    case 'keyFile':
      return openWithKeyFile(folder, keys, log);
  }
}

async function openWithKeyFile(folder: EncryptedFolder, keys: Keys, log: Log): Promise<OpenedStore> {
  for (const keyFile of new Set([keys.keyFile, keys.lastKeyFile])) {
    // Never made here: a new key would open nothing.
    const content = keyFile === '' ? undefined : await readKeyFile(keyPath(keyFile));
    if (content === undefined) continue;
    const opener = { kind: 'keyFile', content } as const;
    const store = await folder.open(opener);
    if (store === undefined) continue;
    if (keyFile === keys.keyFile) return { kind: 'open', store };
    const next = await nextOpener(keys);
    if (next === undefined) return { kind: 'closed', closed: { folder, isNew: true } };
    await closeAnew(folder, opener, next, log);
    return { kind: 'open', store };
  }
  const name = keys.keyFile || keys.lastKeyFile;
  throw unusable(
    name === ''
      ? 'the encrypted files are opened by a key file, which "mcpCredentials.storage.keyFile" has to name'
      : `the key file ${JSON.stringify(name)} is missing, or is not the one that opens the encrypted files`,
  );
}

/** What the store is to be opened with; undefined when a passphrase has to be chosen first. */
async function nextOpener({ keyFile, passphrases }: Keys): Promise<Opener | undefined> {
  if (keyFile !== '') return keyFileOpener(keyFile);
  const [passphrase] = passphrases;
  return passphrase && { kind: 'passphrase', passphrase };
}

const keyFileOpener = async (keyFile: string): Promise<Opener> => ({
  kind: 'keyFile',
  content: await obtainKeyFile(keyPath(keyFile)),
});

const keyPath = (keyFile: string): string => folderOf('mcpCredentials.storage.keyFile', keyFile);

async function closeAnew(folder: EncryptedFolder, opener: Opener, next: Opener, log: Log): Promise<void> {
  await folder.close(opener, next);
  log.info(`The encrypted files are opened by a ${next.kind === 'keyFile' ? 'key file' : 'passphrase'} now.`);
}

/** Another window may have made it a moment ago, with another passphrase. */
const opened = (store: EncryptedStore | undefined, folder: EncryptedFolder): OpenedStore =>
  store === undefined ? { kind: 'closed', closed: { folder, isNew: false } } : { kind: 'open', store };

const unusable = (why: string): BrokerError => new BrokerError('storage_unusable', why, { details: { why } });
