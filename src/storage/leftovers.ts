import { randomUUID } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseKeyText, type CredentialKey } from '../core/credential.js';
import { describeError } from '../core/errors.js';
import type { Log, Memento, SecretStore } from '../core/ports.js';
import { encryptedIn, eraseFiles } from '../node/storage-folders.js';
import { unlessMissing } from '../node/unless-missing.js';
import { sealingKeyName } from '../vault/journal/sealing-key.js';
import { clearJournal, stampDeleted } from '../vault/place.js';
import { namesSetAside } from '../vault/records/quarantine.js';
import { damagedName, everIndexed, indexedNames, keyTextIn } from '../vault/records/record-names.js';
import { clientSecretNames, notedRegistrations } from '../vault/records/registration-records.js';
import {
  firstPlace,
  recordedStorage,
  recordStorage,
  samePlace,
  usedDirectories,
  type StorageWish,
} from '../vault/records/storage-record.js';
import { canaryName } from '../vault/secrets/canary.js';
import type { Files } from './place-finder.js';

/** That the user wants to keep what is left behind while nothing new is stored. */
const keptName = 'storage.kept';

/** Which folders were moved out of the way. */
const movedAwayName = 'storage.movedAway';

export interface LeftoverParts {
  readonly secrets: SecretStore;
  readonly memento: Memento;
  /** @throws (from the result) BrokerError `storage_unusable` */
  readonly folder: (wish: StorageWish) => Promise<string>;
  readonly filesIn: (folder: string) => Files;
  readonly log: Log;
}

/** What earlier windows have stored, for a window that does not use it. */
export class Leftovers {
  constructor(private readonly parts: LeftoverParts) {}

  /** Whether there is something of which the user has not spoken yet. */
  get isNews(): boolean {
    const { memento } = this.parts;
    const isAny = indexedNames(memento).length > 0 || notedRegistrations(memento).length > 0;
    return isAny && memento.get(keptName) === undefined;
  }

  async keep(): Promise<void> {
    await this.parts.memento.update(keptName, true);
  }

  /**
   * Removes it, in the editor and in files: credentials, registrations, what was set aside, and the audit trail. What
   * stays is a note for windows that still know it; they renew nothing from then on.
   */
  async delete(): Promise<void> {
    const { secrets, memento, log } = this.parts;
    const folders = await this.#folders();
    for (const files of folders.values()) await stampDeleted(files);
    await this.#deleteCredentials();
    const clients = clientSecretNames(memento, keysIn(memento));
    const aside = namesSetAside(memento).map(damagedName);
    for (const name of [...clients, ...aside, sealingKeyName, canaryName]) await secrets.delete(name);
    for (const [path, files] of folders) {
      await clearJournal(files);
      await eraseFiles(path);
    }
    for (const path of movedAway(memento)) await rm(path, { recursive: true, force: true });
    for (const key of memento.keys()) await memento.update(key, undefined);
    log.info('What earlier windows had stored is deleted.');
  }

  /** Under their leases, since a renewal that has begun stores its outcome before it gives the lease up. */
  async #deleteCredentials(): Promise<void> {
    const { secrets, memento, folder, filesIn } = this.parts;
    const { leases } = filesIn(await folder((recordedStorage(memento) ?? { inUse: firstPlace }).inUse));
    for (const name of everIndexed(memento))
      await leases.hold(keyTextIn(name), async () => secrets.delete(name));
  }

  /** Every folder that was ever in use and is there, with what lies in it. */
  async #folders(): Promise<ReadonlyMap<string, Files>> {
    const { memento, folder, filesIn } = this.parts;
    const folders = new Map<string, Files>();
    for (const directory of usedDirectories(memento)) {
      const path = await folder({ ...firstPlace, directory });
      if ((await unlessMissing(stat(path))) !== undefined) folders.set(path, filesIn(path));
    }
    return folders;
  }

  /**
   * Has the next start do without what is in `place`: its files are moved out of the way, and stay. Every other place
   * is left alone.
   * @param wish - what the next start is to use when `place` is what has been in use
   */
  async abandon(place: StorageWish, wish: StorageWish): Promise<void> {
    const { memento, folder } = this.parts;
    const { inUse, leaving } = recordedStorage(memento) ?? { inUse: firstPlace };
    if (place.backend === 'encryptedFile') await this.#moveAway(encryptedIn(await folder(place)));
    if (samePlace(place, inUse)) {
      // What is in the journal is sealed with a key that is among what is given up.
      await this.#moveAway(join(await folder(place), 'journal'));
      await recordStorage(memento, { inUse: wish, isEmpty: true });
    } else if (leaving !== undefined && samePlace(place, leaving)) await recordStorage(memento, { inUse });
  }

  async #moveAway(path: string): Promise<void> {
    const { memento, log } = this.parts;
    const away = `${path}.${randomUUID().slice(0, 8)}`;
    try {
      await rename(path, away);
    } catch (error) {
      log.info(`Nothing is moved away: ${describeError(error)}`);
      return;
    }
    log.info(`What was in ${JSON.stringify(path)} is in ${JSON.stringify(away)} now.`);
    await memento.update(movedAwayName, [...movedAway(memento), away]);
  }
}

/** The folders that were moved out of the way. */
function movedAway(memento: Memento): readonly string[] {
  const result = v.safeParse(v.array(v.string()), memento.get(movedAwayName));
  return result.success ? result.output : [];
}

/** The keys of all credentials that `memento` knows. */
const keysIn = (memento: Memento): readonly CredentialKey[] =>
  everIndexed(memento).flatMap((name) => parseKeyText(keyTextIn(name)) ?? []);
