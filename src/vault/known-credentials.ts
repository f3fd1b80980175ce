import { keyOf, keyText, type Credential } from '../core/credential.js';
import { keyOfEntry, type ListedCredential } from './records/index-entry.js';
import type { Removals } from './journal/removals.js';
import type { SealedJournal } from './journal/sealed-journal.js';
import type { SecretRecords } from './records/secret-records.js';

export interface KnownParts {
  readonly records: Pick<SecretRecords, 'list' | 'changes'>;
  readonly journal: Pick<SealedJournal, 'list' | 'changes' | 'removedUpTo'>;
  readonly removals: Pick<Removals, 'areTold' | 'untold'>;
}

/** Who there are credentials for, in SecretStorage or in the journal. It is asked for each server, so it remembers. */
export class KnownCredentials {
  /** What `list` said last, and after which changes. */
  #listed: { readonly changes: string; readonly credentials: readonly ListedCredential[] } | undefined;

  /** What is in SecretStorage alone, by generation: its removal may have been told before. */
  readonly #alone = new Map<string, number>();

  constructor(private readonly parts: KnownParts) {}

  /** `credential` is in SecretStorage, and the journal has not taken it. */
  isAlone(credential: Credential): void {
    this.#alone.set(keyText(keyOf(credential)), credential.generation);
    this.forget();
  }

  /** Every credential that has not been removed; the same array until there is news. */
  list(): readonly ListedCredential[] {
    const { removals } = this.parts;
    const credentials = this.#remembered();
    if (removals.areTold) return credentials;
    return credentials.filter((entry) => removals.untold(keyOfEntry(entry)) === undefined);
  }

  /** Looks again when it is asked next, whatever the changes say. */
  forget(): void {
    this.#listed = undefined;
  }

  #remembered(): readonly ListedCredential[] {
    const { records, journal } = this.parts;
    const changes = `${journal.changes} ${records.changes}`;
    if (this.#listed?.changes !== changes) {
      const known = new Map(
        [...records.list(), ...journal.list()].map((entry) => [keyText(keyOfEntry(entry)), entry]),
      );
      const isThere = ([key, entry]: readonly [string, ListedCredential]) =>
        (journal.removedUpTo(keyOfEntry(entry)) ?? -1) < (this.#alone.get(key) ?? 0);
      const credentials = [...known].filter(isThere).map(([, entry]) => entry);
      this.#listed = { changes, credentials };
    }
    return this.#listed.credentials;
  }
}
