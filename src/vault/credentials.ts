import * as v from 'valibot';
import type { Account } from '../core/account.js';
import type { Client } from '../core/client.js';
import { keyOf, keyText, type Credential, type CredentialKey } from '../core/credential.js';
import { BrokerError, describeError } from '../core/errors.js';
import type { Log, Memento, SecretStore } from '../core/ports.js';
import {
  accountSchema,
  parseClient,
  parseCredential,
  serializeClient,
  serializeCredential,
} from './record.js';
import { Remembered } from './remembered.js';

/** What the index says about a stored credential: everything but the secrets. */
export interface IndexEntry {
  readonly account: Account;
  readonly clientId: string;
  readonly resource: string;
}

const indexSchema = v.strictObject({ account: accountSchema, clientId: v.string(), resource: v.string() });

export function keyOfEntry({ account, clientId, resource }: IndexEntry): CredentialKey {
  return { issuer: account.issuer, clientId, subject: account.subject, resource };
}

/**
 * The credentials and registrations that are kept: one JSON record each in SecretStorage, and an index without
 * secrets in globalState, so that an account is remembered even when the keyring has dropped its secret.
 */
export class CredentialVault {
  readonly #index: Remembered<IndexEntry>;

  constructor(
    private readonly secrets: SecretStore,
    memento: Memento,
    private readonly log: Log,
  ) {
    this.#index = new Remembered(memento, 'credential:', indexSchema, log);
  }

  /** Every credential that the index knows. */
  list(): readonly IndexEntry[] {
    return this.#index.entries().map(([, entry]) => entry);
  }

  /**
   * @returns undefined when SecretStorage has no such record, or a damaged one, which is then set aside
   */
  async get(key: CredentialKey): Promise<Credential | undefined> {
    const credential = await this.#read(`credential:${keyText(key)}`, parseCredential);
    if (credential === undefined || keyText(keyOf(credential)) === keyText(key)) return credential;
    this.log.error(`The record of ${JSON.stringify(keyText(key))} names another credential; it is ignored.`);
    return undefined;
  }

  /**
   * Saves `credential`, and resolves when the editor has taken it.
   * @throws BrokerError `vault_write_failed`
   */
  async put(credential: Credential): Promise<void> {
    const key = keyText(keyOf(credential));
    const { account, client, resource } = credential;
    try {
      await this.secrets.store(`credential:${key}`, serializeCredential(credential));
      await this.#index.set(key, { account, clientId: client.clientId, resource });
    } catch (cause) {
      throw new BrokerError('vault_write_failed', 'The credential could not be saved.', { cause });
    }
  }

  /** Forgets a credential and that it ever was. Only for what the user asked to be removed. */
  async remove(key: CredentialKey): Promise<void> {
    await this.secrets.delete(`credential:${keyText(key)}`);
    await this.#index.delete(keyText(key));
  }

  /** Our registration at `issuer`, if there is one. */
  client(issuer: string): Promise<Client | undefined> {
    return this.#read(`client:${issuer}`, parseClient);
  }

  async putClient(client: Client): Promise<void> {
    await this.secrets.store(`client:${client.issuer}`, serializeClient(client));
  }

  async removeClient(issuer: string): Promise<void> {
    await this.secrets.delete(`client:${issuer}`);
  }

  async #read<T>(key: string, parse: (text: string) => T): Promise<T | undefined> {
    const text = await this.secrets.get(key);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      this.log.error(`The secret ${JSON.stringify(key)} is set aside: ${describeError(error)}`);
    }
    try {
      await this.secrets.store(`damaged:${key}`, text);
      await this.secrets.delete(key);
    } catch (error) {
      this.log.warn(`Setting it aside failed: ${describeError(error)}`);
    }
    return undefined;
  }
}
