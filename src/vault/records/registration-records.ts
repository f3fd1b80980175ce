import * as v from 'valibot';
import { haveSameProof, type Client } from '../../core/client.js';
import type { CredentialKey } from '../../core/credential.js';
import type { Log, Memento, SecretStore } from '../../core/ports.js';
import type { Quarantine } from './quarantine.js';
import { parseClient, serializeClient } from './record.js';
import { Remembered } from './remembered.js';

const notePrefix = 'registration:';
const secretPrefix = 'client:';

export interface RegistrationRecordsParts {
  readonly secrets: SecretStore;
  readonly memento: Memento;
  readonly quarantine: Quarantine;
  readonly log: Log;
}

/** Our registrations at issuers: each a secret, and a note of it in globalState, since a secret store does not say what is in it. */
export class RegistrationRecords {
  readonly #notes: Remembered<object>;

  constructor(private readonly parts: RegistrationRecordsParts) {
    this.#notes = new Remembered(parts.memento, notePrefix, v.strictObject({}), parts.log);
  }

  /** As `CredentialVault.client`. */
  get(issuer: string, configuredId?: string): Promise<Client | undefined> {
    return this.#read(registrationName(issuer, configuredId));
  }

  async put(client: Client, isOneOfSeveral: boolean): Promise<void> {
    const name = nameOf(client, isOneOfSeveral);
    await this.#notes.set(name, {});
    await this.parts.secrets.store(clientSecretName(name), serializeClient(client));
  }

  /** As `CredentialVault.forgetClient`. */
  async forget(client: Client): Promise<void> {
    for (const name of new Set([nameOf(client, false), nameOf(client, true)])) {
      const stored = await this.#read(name);
      if (stored?.clientId !== client.clientId || !haveSameProof(stored, client)) continue;
      await this.parts.secrets.delete(clientSecretName(name));
      await this.#notes.delete(name);
    }
  }

  #read(name: string): Promise<Client | undefined> {
    return this.parts.quarantine.read(clientSecretName(name), parseClient);
  }
}

/**
 * Names a registration: by its issuer the one that came about there by itself or was typed in; by issuer and id a client
 * of the settings, each of those that the user has brought for certain people, and one that another has followed while it
 * is still used. A space cannot be part of an issuer.
 */
export const registrationName = (issuer: string, configuredId?: string): string =>
  configuredId === undefined ? issuer : `${issuer} ${configuredId}`;

const nameOf = ({ issuer, clientId, source }: Client, isOneOfSeveral: boolean): string =>
  registrationName(issuer, source === 'configured' || isOneOfSeveral ? clientId : undefined);

/** Where SecretStorage has the registration of that name. */
export const clientSecretName = (registration: string): string => secretPrefix + registration;

/** The names of the registrations that we have. */
export const notedRegistrations = (memento: Memento): readonly string[] =>
  memento
    .keys()
    .filter((key) => key.startsWith(notePrefix))
    .map((key) => key.slice(notePrefix.length));

/**
 * Where SecretStorage has all our registrations.
 * @param keys - of the credentials that are known: their issuers' registrations may be older than the notes
 */
export const clientSecretNames = (memento: Memento, keys: readonly CredentialKey[]): readonly string[] =>
  [...new Set([...keys.map(({ issuer }) => issuer), ...notedRegistrations(memento)])].map(clientSecretName);
