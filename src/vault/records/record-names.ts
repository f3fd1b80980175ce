import { keyText, type CredentialKey } from '../../core/credential.js';
import type { Memento } from '../../core/ports.js';

/** What the names of credentials begin with. It may not change: what is stored is found by it. */
export const credentialPrefix = 'credential:';

const damagedPrefix = 'damaged:';

/** What a credential is called in SecretStorage, and in the index in globalState. */
export const credentialName = (key: CredentialKey): string => credentialPrefix + keyText(key);

/** The `keyText` of the credential that is called `name`. */
export const keyTextIn = (name: string): string => name.slice(credentialPrefix.length);

/** What the copy of a damaged record is called that is set aside. */
export const damagedName = (name: string): string => damagedPrefix + name;

/** The names of all credentials in the index. */
export const indexedNames = (memento: Memento): readonly string[] =>
  memento.keys().filter((key) => key.startsWith(credentialPrefix));

/** Those, and the names of the ones that were set aside there as damaged. */
export const everIndexed = (memento: Memento): readonly string[] => [
  ...new Set(
    memento
      .keys()
      .map((key) => (key.startsWith(damagedPrefix) ? key.slice(damagedPrefix.length) : key))
      .filter((key) => key.startsWith(credentialPrefix)),
  ),
];
