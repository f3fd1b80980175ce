import { isAlive, keyOf, keyText, type Credential, type CredentialKey } from '../core/credential.js';
import { BrokerError, hasCode } from '../core/errors.js';
import type { Clock, Log, Memento } from '../core/ports.js';
import type { Counters } from '../core/counters.js';
import { CredentialVault } from './credentials.js';
import { keyOfEntry } from './records/index-entry.js';
import { holdBoth, readStamp, type Place } from './place.js';
import { namesSetAside } from './records/quarantine.js';
import { serializeCredential } from './records/record.js';
import { damagedName, credentialName, indexedNames } from './records/record-names.js';
import { clientSecretNames } from './records/registration-records.js';
import { journalName } from './journal/sealed-journal.js';
import { sealingKeyName } from './journal/sealing-key.js';
import { canaryName } from './secrets/canary.js';

export interface MovingParts {
  readonly from: Place;
  readonly to: Place;
  readonly memento: Memento;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  /** The end of this window. */
  readonly closing: AbortSignal;
}

/**
 * Brings what this profile has in one place to another: `copy` everything and see that it has arrived, tell the other
 * windows, then `clear` the old place. Interrupted anywhere, both can be done again, and nothing is lost.
 */
export class Moving {
  readonly #from: CredentialVault;
  readonly #to: CredentialVault;
  readonly #areSecretsShared: boolean;
  readonly #isJournalShared: boolean;

  constructor(private readonly parts: MovingParts) {
    const { from, to } = parts;
    this.#from = new CredentialVault({ ...parts, ...from });
    this.#to = new CredentialVault({ ...parts, ...to });
    this.#areSecretsShared = from.secrets === to.secrets;
    this.#isJournalShared = from.journal === to.journal;
  }

  /** Whether nothing was ever stored in the old place; opening it would make a key for nothing. */
  async isEmpty(): Promise<boolean> {
    const { from, memento } = this.parts;
    for (const name of [sealingKeyName, ...indexedNames(memento)])
      if ((await from.secrets.get(name)) !== undefined) return false;
    return true;
  }

  /**
   * Copies everything, and reads it back.
   * @throws BrokerError `vault_write_failed` when something has not arrived; whatever the places throw
   */
  async copy(): Promise<void> {
    const { from, to, memento } = this.parts;
    if (!this.#isJournalShared) await this.#copyBindings();
    if (await this.isEmpty()) return;
    // With the journal's key as it is, what lies in a shared journal stays readable.
    if ((await to.secrets.get(sealingKeyName)) === undefined) await this.#copySecret(sealingKeyName);
    await Promise.all([this.#from.open(), this.#to.open()]);
    // Another window was faster, and the new place has been in use since.
    const isRepeated = (await readStamp(from)) === to.identity;
    for (const key of this.#from.list().map(keyOfEntry)) {
      await holdBoth(from, to, keyText(key), () => (isRepeated ? this.#bringNews(key) : this.#bring(key)));
    }
    for (const name of this.#clients()) await this.#copySecret(name);
    for (const name of namesSetAside(memento)) await this.#copySecret(damagedName(name));
  }

  /** Removes what has arrived from the old place; what another window has renewed there meanwhile is brought first. */
  async clear(): Promise<void> {
    const { from, to, memento } = this.parts;
    if (await this.isEmpty()) return;
    await Promise.all([this.#from.open(), this.#to.open()]);
    for (const key of this.#from.list().map(keyOfEntry)) {
      await holdBoth(from, to, keyText(key), async () => {
        await this.#bringNews(key);
        await this.#forget(key);
      });
    }
    if (this.#areSecretsShared) return;
    for (const name of this.#clients()) {
      if ((await to.secrets.get(name)) === undefined) await this.#copySecret(name);
      await from.secrets.delete(name);
    }
    for (const name of namesSetAside(memento)) await from.secrets.delete(damagedName(name));
    await from.secrets.delete(sealingKeyName);
    await from.secrets.delete(canaryName);
  }

  async #copyBindings(): Promise<void> {
    const { from, to } = this.parts;
    const { lines } = await from.ledgers.bindings.load();
    const there = new Set((await to.ledgers.bindings.load()).lines);
    const missing = lines.filter((line) => !there.has(line));
    if (missing.length > 0) await to.ledgers.bindings.append(missing);
  }

  /** Brings a credential, unless the new place has one for the same account that is alive and not older. */
  async #bring(key: CredentialKey): Promise<void> {
    const credential = await this.#from.get(key);
    if (credential === undefined) return;
    const there = await this.#to.get(key).catch((error: unknown) => {
      // Sealed with a key that only earlier days of the new place knew.
      if (hasCode(error, 'record_elsewhere')) return undefined;
      throw error;
    });
    if (there === undefined || mayReplace(credential, there)) await this.#store(credential);
  }

  /** As `#bring`, where the new place has been in use since the credential was brought: only what came after that. */
  async #bringNews(key: CredentialKey): Promise<void> {
    const [last, there] = [await this.#from.get(key), await this.#to.get(key)];
    if (last === undefined || (await this.#to.isRemoved(key))) return;
    const isNews = there === undefined || (last.generation > there.generation && mayReplace(last, there));
    if (isNews) await this.#store(last);
  }

  /** Stores a credential in the new place as its newest, whatever that place has seen of it before. */
  async #store(credential: Credential): Promise<void> {
    const { secrets } = this.parts.to;
    const key = keyOf(credential);
    const name = credentialName(key);
    if (!this.#areSecretsShared && (await secrets.get(name)) === serializeCredential(credential)) return;
    const seen = await this.#to.generations.newest(key);
    const isHidden = seen > credential.generation || (await this.#to.isRemoved(key));
    const brought = isHidden ? { ...credential, generation: seen + 1 } : credential;
    await this.#to.put(brought);
    if ((await secrets.get(name)) !== serializeCredential(brought)) throw notArrived();
  }

  async #forget(key: CredentialKey): Promise<void> {
    const { from } = this.parts;
    const name = credentialName(key);
    // What is damaged there stays set aside there, where it may be mended.
    const isThere = !this.#areSecretsShared && (await from.secrets.get(name)) !== undefined;
    if (isThere) await from.secrets.delete(name);
    if (!this.#isJournalShared) await from.journal.remove(await journalName(key));
  }

  async #copySecret(name: string): Promise<void> {
    const { from, to } = this.parts;
    if (this.#areSecretsShared) return;
    const value = await from.secrets.get(name);
    if (value === undefined) return;
    await to.secrets.store(name, value);
    if ((await to.secrets.get(name)) !== value) throw notArrived();
  }

  /** The names of the secrets of all our registrations. */
  #clients(): readonly string[] {
    return clientSecretNames(this.parts.memento, this.#from.list().map(keyOfEntry));
  }
}

/**
 * Whether a credential may take the place of one that has a history of its own, so that their generations do not say
 * which is newer: a grant that is alive gives way only to one that was issued no earlier.
 */
function mayReplace(credential: Credential, there: Credential): boolean {
  if (!isAlive(there)) return true;
  return isAlive(credential) && credential.tokens.issuedAtMs >= there.tokens.issuedAtMs;
}

const notArrived = (): BrokerError =>
  new BrokerError('vault_write_failed', 'What was copied reads back as something else.');
