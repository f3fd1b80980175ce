import { isOlder, keyOf, keyText, type Credential, type CredentialKey } from '../../core/credential.js';
import type { Log, Memento, SecretStore } from '../../core/ports.js';
import { listedSchema, type ListedCredential } from './index-entry.js';
import type { Quarantine } from './quarantine.js';
import { parseCredential, serializeCredential } from './record.js';
import { credentialName, credentialPrefix } from './record-names.js';
import { Remembered } from './remembered.js';

export interface SecretRecordsParts {
  readonly secrets: SecretStore;
  readonly memento: Memento;
  readonly quarantine: Quarantine;
  readonly log: Log;
}

/**
 * The credentials in SecretStorage: one JSON record each, and an index without secrets in globalState, so that an
 * account is remembered even when the keyring has dropped its secret.
 */
export class SecretRecords {
  readonly #index: Remembered<ListedCredential>;
  #changes = 0;

  constructor(private readonly parts: SecretRecordsParts) {
    this.#index = new Remembered(parts.memento, credentialPrefix, listedSchema, parts.log);
  }

  /** Counts up whenever this window has changed what `list` answers. */
  get changes(): number {
    return this.#changes;
  }

  list(): readonly ListedCredential[] {
    return this.#index.entries().map(([, entry]) => entry);
  }

  /** @returns undefined when there is none, or only a damaged one, which is then set aside */
  async get(key: CredentialKey): Promise<Credential | undefined> {
    const { quarantine, log } = this.parts;
    const credential = await quarantine.read(credentialName(key), parseCredential);
    if (credential === undefined || isFiledUnder(credential, key)) return credential;
    log.error(`The record of ${JSON.stringify(keyText(key))} names another credential; it is ignored.`);
    return undefined;
  }

  /** Stores `credential`, unless a newer one is there: the journal may be behind. */
  async put(credential: Credential): Promise<void> {
    const key = keyOf(credential);
    const stored = await this.get(key).catch(() => undefined);
    if (stored !== undefined && isOlder(credential, stored)) return;
    const { account, client, resource, scopes, grant } = credential;
    await this.parts.secrets.store(credentialName(key), serializeCredential(credential));
    const listed = { account, clientId: client.clientId, resource, scopes: [...scopes] };
    const entry = { ...listed, ...(grant && { grant }) };
    // The editor writes all of its state for each change, and a renewal changes none of this.
    if (JSON.stringify(entry) === JSON.stringify(this.#index.get(keyText(key)))) return;
    await this.#index.set(keyText(key), entry);
    this.#changes += 1;
  }

  async forget(key: CredentialKey): Promise<void> {
    await this.parts.secrets.delete(credentialName(key));
    await this.parts.quarantine.forget(credentialName(key));
    await this.#index.delete(keyText(key));
    this.#changes += 1;
  }
}

/** Whether a record is about the credential under whose key it was found. */
export const isFiledUnder = (credential: Credential, key: CredentialKey): boolean =>
  keyText(keyOf(credential)) === keyText(key);
