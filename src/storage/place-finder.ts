import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Counters } from '../core/counters.js';
import { BrokerError, describeError } from '../core/errors.js';
import type { Clock, Log, Memento, SecretStore } from '../core/ports.js';
import { Secret } from '../core/secret.js';
import { pause } from '../core/waiting.js';
import { EncryptedFolder } from '../node/encrypted-folder.js';
import { openEncrypted, type ClosedStore } from '../node/encrypted-opening.js';
import { EncryptedStore } from '../node/encrypted-store.js';
import { requirePrivateFolder, requireUsableFolder } from '../node/private-folder.js';
import { encryptedIn, eraseServers, folderOf } from '../node/storage-folders.js';
import type { ScryptCost } from '../node/store-header.js';
import { unlessMissing } from '../node/unless-missing.js';
import { Moving } from '../vault/moving.js';
import { holdBoth, leasesUntilMoved, readStamp, stamp, type Place } from '../vault/place.js';
import {
  firstPlace,
  recordedStorage,
  recordStorage,
  samePlace,
  type StorageWish,
} from '../vault/records/storage-record.js';

/** The editor keeps what it is given a moment later than it says so. */
const editorKeepsAfterMs = 1_000;

/** What lies in files and is behind no lock. */
export type Files = Pick<Place, 'journal' | 'leases' | 'ledgers'>;

export interface FinderParts {
  /** What the settings ask for. */
  readonly wish: StorageWish;
  /** What this profile on this host has in the editor's SecretStorage, and globalState. */
  readonly secrets: SecretStore;
  readonly memento: Memento;
  /** The editor's folder for this extension, on this host. */
  readonly globalFolder: string;
  /** Names what is this profile's, and this host's, in a folder that several may use. */
  readonly profile: { find(): Promise<string> };
  /** What the windows share in a folder; asked once for each folder. */
  readonly filesIn: (folder: string) => Files;
  /** The passphrase of the environment; undefined or empty when there is none. */
  readonly passphrase: string | undefined;
  /** The work that a new passphrase makes; as much as there should be when undefined. */
  readonly scryptCost: ScryptCost | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  /** The end of this window. */
  readonly closing: AbortSignal;
  /** Called when an encrypted entry was damaged and has been set aside. */
  readonly onSetAside: () => void;
}

/** How far the finding has come. */
export type Found =
  | {
      readonly kind: 'open';
      readonly place: Place;
      readonly inUse: StorageWish;
      /** The encrypted files, if that is where secrets are. */
      readonly store?: EncryptedStore;
      /** Why it is not the place that the settings ask for. */
      readonly moveFailure?: string;
    }
  | { readonly kind: 'locked'; readonly closed: ClosedStore; readonly files: Files };

/**
 * Finds the place that the settings ask for: opens it, and brings everything there from where it was before. What
 * was opened stays open, so that finding again, with one more passphrase, goes on where it had to stop.
 */
export class PlaceFinder {
  readonly #places = new Map<string, Place>();
  readonly #files = new Map<string, Files>();
  readonly #passphrases: Secret[];
  #lookedAt: StorageWish;

  constructor(private readonly parts: FinderParts) {
    const { passphrase = '', memento } = parts;
    this.#lookedAt = recordedStorage(memento)?.inUse ?? firstPlace;
    this.#passphrases = passphrase === '' ? [] : [new Secret(passphrase)];
  }

  /** Has `passphrase` tried from now on, before the others. */
  know(passphrase: Secret): void {
    this.#passphrases.unshift(passphrase);
  }

  /** The place at which the finding ended; the one that cannot be opened, when there is one. */
  get lookedAt(): StorageWish {
    return this.#lookedAt;
  }

  /** @throws BrokerError `storage_unusable` when the place cannot be used as the settings ask */
  async find(): Promise<Found> {
    const { wish, memento } = this.parts;
    const record = recordedStorage(memento);
    const { inUse, leaving } = record ?? { inUse: firstPlace };
    if (leaving !== undefined) {
      const closed = await this.#tidy(leaving, inUse);
      // What is in use can wait for that; another move would forget where the rest of the last one is.
      if (closed !== undefined && !samePlace(inUse, wish)) return this.#locked(closed, inUse);
    }
    if (!samePlace(inUse, wish)) return this.#move(inUse);
    const place = await this.#wanted(inUse, record === undefined || record.isEmpty === true);
    if ('isNew' in place) return this.#locked(place, wish);
    // What opens it may be another thing now; where every start begins needs no note.
    const isNoted = inUse.keyFile === wish.keyFile && record?.isEmpty !== true;
    if (record !== undefined && !isNoted) {
      const { leaving: left } = recordedStorage(memento) ?? {};
      await recordStorage(memento, { inUse: wish, ...(left && { leaving: left }) });
    }
    return this.#open(place, wish);
  }

  /** The folder of a place. @throws (from the result) BrokerError `storage_unusable` when it is relative */
  async folder({ directory }: StorageWish): Promise<string> {
    const parent = directory === '' ? this.parts.globalFolder : directoryOf(directory);
    return join(parent, await this.parts.profile.find());
  }

  /**
   * Sees to it that the folder of a place is there, and that nobody else can put something into it.
   * @throws BrokerError `storage_unusable`
   */
  async requireFolder(wish: StorageWish): Promise<void> {
    if (wish.directory === '') return;
    await requireUsableFolder(directoryOf(wish.directory));
    // In a directory to which everybody may add, something of theirs may be in the place of ours.
    await requirePrivateFolder(await this.folder(wish));
  }

  async #move(from: StorageWish): Promise<Found> {
    const { wish, memento, clock, log } = this.parts;
    const source = await this.#former(from);
    if ('isNew' in source) return this.#locked(source, from);
    const to = await this.#wanted(wish, true);
    if ('isNew' in to) return this.#locked(to, from);
    const moving = new Moving({ ...this.parts, from: source, to });
    if (await moving.isEmpty()) {
      await this.#forgetServers(from, wish);
      await recordStorage(memento, { inUse: wish });
      return this.#open(to, wish);
    }
    try {
      await holdBoth(source, to, 'storage', async () => {
        await moving.copy();
        await stamp(to, to.identity);
        await stamp(source, to.identity);
        await recordStorage(memento, { inUse: wish, leaving: from });
      });
    } catch (error) {
      log.error(`The credentials could not be moved: ${describeError(error)}`);
      const moveFailure = error instanceof Error ? error.message : String(error);
      return { ...(await this.#open(source, from)), moveFailure };
    }
    if (wish.backend === 'secretStorage') await pause(clock, editorKeepsAfterMs);
    log.info(`The credentials have been moved from ${from.backend} to ${wish.backend}.`);
    await this.#tidy(from, wish);
    return this.#open(to, wish);
  }

  /**
   * Removes what has arrived from where it was. Trouble with it keeps nobody from working: the next start tries again.
   * @returns what has to be opened for that
   */
  async #tidy(leaving: StorageWish, inUse: StorageWish): Promise<ClosedStore | undefined> {
    const { memento, log } = this.parts;
    try {
      const from = await this.#former(leaving);
      if ('isNew' in from) {
        log.info('Something is left where the credentials were before, until that can be opened again.');
        return from;
      }
      const to = await this.#former(inUse);
      if ('isNew' in to) return to;
      await holdBoth(from, to, 'storage', () => new Moving({ ...this.parts, from, to }).clear());
      await this.#forgetServers(leaving, inUse);
      await recordStorage(memento, { inUse });
    } catch (error) {
      log.warn(`Something is left where the credentials were before: ${describeError(error)}`);
    }
    return undefined;
  }

  /** What servers said does not move: it costs a start that waits for its server, once. Failing that it stays. */
  async #forgetServers(from: StorageWish, to: StorageWish): Promise<void> {
    const [left, used] = [await this.folder(from), await this.folder(to)];
    if (left === used) return;
    await eraseServers(left).catch((error: unknown) =>
      this.parts.log.warn(`What servers said stays where it was: ${describeError(error)}`),
    );
  }

  async #open(place: Place, inUse: StorageWish): Promise<Extract<Found, { kind: 'open' }>> {
    const before = await readStamp(place).catch(() => undefined);
    const guarded = { ...place, leases: leasesUntilMoved(place, before) };
    const store = place.secrets instanceof EncryptedStore ? { store: place.secrets } : {};
    return { kind: 'open', place: guarded, inUse, ...store };
  }

  async #locked(closed: ClosedStore, inUse: StorageWish): Promise<Found> {
    return { kind: 'locked', closed, files: await this.#filesOf(inUse) };
  }

  /**
   * The place that the settings ask for.
   * @param last - what it was when it was used last
   * @param mayMake - whether encrypted files are made that are not there, instead of being missed
   */
  async #wanted(last: StorageWish, mayMake: boolean): Promise<Place | ClosedStore> {
    const { wish } = this.parts;
    this.#lookedAt = wish;
    if (!mayMake) await this.#requireThere(wish);
    await this.requireFolder(wish);
    return this.#openPlace(wish, last, mayMake);
  }

  /** A place in which something is. */
  async #former(wish: StorageWish): Promise<Place | ClosedStore> {
    this.#lookedAt = wish;
    await this.#requireThere(wish);
    await this.requireFolder(wish);
    return this.#openPlace(wish, wish, false);
  }

  /** A disk that is not there today must not be taken for an empty one. */
  async #requireThere(wish: StorageWish): Promise<void> {
    if (wish.backend !== 'encryptedFile') return;
    const folder = encryptedIn(await this.folder(wish));
    if ((await unlessMissing(stat(folder))) !== undefined) return;
    const why = `the encrypted files that were in ${JSON.stringify(folder)} are not there now`;
    throw new BrokerError('storage_unusable', why, { details: { why } });
  }

  async #openPlace(wish: StorageWish, last: StorageWish, mayMake: boolean): Promise<Place | ClosedStore> {
    const folder = await this.folder(wish);
    const identity = JSON.stringify([wish.backend, folder]);
    const known = this.#places.get(identity);
    if (known !== undefined) return known;
    const secrets =
      wish.backend === 'secretStorage'
        ? this.parts.secrets
        : await this.#openStore(folder, wish.keyFile, last.keyFile, mayMake);
    if ('isNew' in secrets) return secrets;
    const place = { identity, secrets, ...(await this.#filesOf(wish)) };
    this.#places.set(identity, place);
    return place;
  }

  async #openStore(
    folder: string,
    keyFile: string,
    lastKeyFile: string,
    mayMake: boolean,
  ): Promise<EncryptedStore | ClosedStore> {
    const { log, counters, onSetAside, scryptCost } = this.parts;
    const setAside = () => {
      counters.add('storage.quarantined');
      onSetAside();
    };
    const encrypted = new EncryptedFolder(encryptedIn(folder), log, setAside, scryptCost);
    const keys = { keyFile, lastKeyFile, passphrases: this.#passphrases };
    const opened = await openEncrypted(encrypted, keys, mayMake, log);
    return opened.kind === 'open' ? opened.store : opened.closed;
  }

  async #filesOf(wish: StorageWish): Promise<Files> {
    const folder = await this.folder(wish);
    const files = this.#files.get(folder) ?? this.parts.filesIn(folder);
    this.#files.set(folder, files);
    return files;
  }
}

/** @throws BrokerError `storage_unusable` when it is relative */
const directoryOf = (text: string): string => folderOf('mcpCredentials.storage.directory', text);
