import * as v from 'valibot';
import type { Client } from '../core/client.js';
import type { CredentialKey } from '../core/credential.js';
import type { Log, Memento } from '../core/ports.js';
import { Remembered } from './remembered.js';

const notePrefix = 'registration:';
const secretPrefix = 'client:';

/**
 * Names a registration: by its issuer the one that came about there by itself or was typed in, by issuer and id a
 * client of the settings. A space cannot be part of an issuer.
 */
export const registrationName = (issuer: string, configuredId?: string): string =>
  configuredId === undefined ? issuer : `${issuer} ${configuredId}`;

export const nameOfClient = ({ issuer, clientId, source }: Client): string =>
  registrationName(issuer, source === 'configured' ? clientId : undefined);

/** Where SecretStorage has the registration of that name. */
export const clientSecretName = (registration: string): string => secretPrefix + registration;

/** Notes in globalState of the registrations that we have: a secret store does not say what is in it. */
export const registrationNotes = (memento: Memento, log: Log): Remembered<object> =>
  new Remembered(memento, notePrefix, v.strictObject({}), log);

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
