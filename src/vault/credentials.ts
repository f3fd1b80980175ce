import type { Disposable } from '../core/announcer.js';
import type { Counters } from '../core/counters.js';
import type { Client } from '../core/client.js';
import { keyOf, keyText, signInOf, type Credential, type CredentialKey } from '../core/credential.js';
import { BrokerError, describeError, hasCode } from '../core/errors.js';
import type { Journal } from '../core/journal.js';
import type { Leases } from '../core/lease.js';
import type { Clock, Log, Memento, SecretStore } from '../core/ports.js';
import { pause } from '../core/waiting.js';
import { Attempts } from './journal/attempts.js';
import { Generations } from './journal/generations.js';
import type { ListedCredential } from './records/index-entry.js';
import { KnownCredentials } from './known-credentials.js';
import { Quarantine } from './records/quarantine.js';
import { parseClient, parseCredential } from './records/record.js';
import { RegistrationRecords } from './records/registration-records.js';
import { Removals } from './journal/removals.js';
import { Retries } from './journal/retries.js';
import { SealedJournal } from './journal/sealed-journal.js';
import { sealingKey } from './journal/sealing-key.js';
import { isFiledUnder, SecretRecords } from './records/secret-records.js';
import { Standings, unknownStanding, type Standing } from './journal/standing.js';

export interface VaultParts {
  readonly secrets: SecretStore;
  readonly memento: Memento;
  readonly journal: Journal;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  /** The end of this window. */
  readonly closing: AbortSignal;
}

/** `store` resolves before its value is durable, or visible to another window. */
const editorKeepsAfterMs = 1_000;

/**
 * The credentials and registrations that are kept, in SecretStorage. Beside it the sealed journal, which is durable at
 * once and seen by every window: the newer of the two counts.
 */
export class CredentialVault {
  /** What is known of renewals whose outcome was never saved. */
  readonly attempts: Attempts;
  readonly generations: Generations;
  readonly #records: SecretRecords;
  readonly #journal: SealedJournal;
  readonly #standings: Standings;
  readonly #known: KnownCredentials;
  readonly #retries: Retries;
  readonly #removals: Removals;
  readonly #quarantine: Quarantine;
  readonly #registrations: RegistrationRecords;
  #opening: Promise<void> | undefined;

  constructor(private readonly parts: VaultParts) {
    const quarantine = new Quarantine(parts);
    const records = new SecretRecords({ ...parts, quarantine });
    const journal = new SealedJournal(parts.journal, parts.log);
    const retries = new Retries(parts);
    const told = (key: CredentialKey) => this.#sweep(key);
    const removals = new Removals({ ...parts, journal, records, retries, told });
    const standings = new Standings(journal, removals, parts.clock);
    this.attempts = new Attempts({ ...parts, canSeal: () => journal.canSeal });
    this.generations = new Generations({ open: () => this.open(), records, standings });
    this.#records = records;
    this.#journal = journal;
    this.#standings = standings;
    this.#known = new KnownCredentials({ records, journal, removals });
    this.#retries = retries;
    this.#removals = removals;
    this.#quarantine = quarantine;
    this.#registrations = new RegistrationRecords({ ...parts, quarantine });
  }

  /**
   * Reads the journal; everything but `list` waits for it.
   * @throws BrokerError `storage_locked`, `storage_unusable`; `vault_write_failed` when there is no key to seal with
   */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((cause: unknown) => {
      // A keyring may be unlocked a moment later.
      this.#opening = undefined;
      if (hasCode(cause, 'storage_locked', 'storage_unusable')) throw cause;
      throw new BrokerError('vault_write_failed', 'There is no key to seal credentials with.', { cause });
    });
    return this.#opening;
  }

  /** Makes `list` complete though news got lost on the way. */
  async look(): Promise<void> {
    await this.open();
    await this.#journal.look();
    this.#known.forget();
  }

  /**
   * @param listener - is told of each credential that the journal has news of, from this window or another
   */
  watch(listener: (key: CredentialKey) => void): Disposable {
    return this.#journal.watch(listener);
  }

  /** Puts back what was set aside as damaged and can be read now. */
  async restore(): Promise<void> {
    await this.#quarantine.restore((name, text) => {
      try {
        if (name.startsWith('client:')) parseClient(text);
        else parseCredential(text);
        return true;
      } catch {
        return false;
      }
    });
  }

  /** Every credential that is known; the same array until there is news. Complete after `open`. */
  list(): readonly ListedCredential[] {
    return this.#known.list();
  }

  /**
   * The newest generation of a credential, whichever window saved it.
   * @param need - `certain` when it must not be an older one, since its refresh token is to be spent
   * @returns undefined when there is none, or only a damaged one, which is then set aside
   * @throws BrokerError `record_elsewhere` when a newer one exists, or may exist, that this window cannot read;
   *   `vault_write_failed` when nobody can be certain now
   */
  async get(key: CredentialKey, need: 'certain' | 'likely' = 'likely'): Promise<Credential | undefined> {
    await this.open();
    const latest = await this.#standings.latest(key);
    if (need === 'certain' && (await this.#standings.isUncertain(latest))) throw unknownStanding();
    if (latest?.kind === 'record' && isFiledUnder(latest.credential, key)) {
      const stored = await this.#records.get(key);
      return stored !== undefined && stored.generation > latest.credential.generation
        ? stored
        : latest.credential;
    }
    const stored = await this.#records.get(key);
    if (latest === undefined || latest.kind === 'record' || latest.kind === 'lost') return stored;
    if (stored !== undefined && stored.generation > latest.generation) return stored;
    if (latest.kind === 'removed') return undefined;
    if (stored?.generation === latest.generation) return stored;
    throw new BrokerError('record_elsewhere', 'Another window has a newer record that this one cannot read.');
  }

  /**
   * Saves `credential`: when this resolves it is durable, in the journal or, where that takes nothing, as durable as
   * the editor makes it. What is newer, or was removed since, stays as it is.
   * @param renewedFrom - the generation whose removal it must not undo, when it is not a sign-in's
   * @returns `overtaken` when something else is there, which stays
   * @throws BrokerError `vault_write_failed` when neither took it
   */
  async put(credential: Credential, renewedFrom?: number): Promise<'saved' | 'overtaken'> {
    // Without a key the journal takes nothing, and the editor may.
    await this.open().catch(() => undefined);
    const standing = await this.#standings.of(credential, renewedFrom);
    if (standing === 'overtaken') {
      this.parts.log.info('A credential is not saved: another window has saved or removed a newer one.');
      return 'overtaken';
    }
    // SecretStorage alone must not bring back what the journal may say is removed.
    if (standing === 'unknown' && renewedFrom !== undefined) throw unknownStanding();
    const [journalled, stored] = await Promise.allSettled([
      this.#write(credential, standing),
      this.#records.put(credential),
    ]);
    for (const result of [journalled, stored]) {
      if (result.status === 'rejected')
        this.parts.log.warn(`Saving a credential: ${describeError(result.reason)}`);
    }
    if (journalled.status === 'rejected' && stored.status === 'rejected') {
      throw new BrokerError('vault_write_failed', 'The credential could not be saved.', {
        cause: journalled.reason,
      });
    }
    if (stored.status === 'rejected') this.#storeLater(keyOf(credential));
    if (journalled.status === 'rejected') {
      await this.#removals.drop(keyOf(credential));
      this.#known.isAlone(credential);
      await pause(this.parts.clock, editorKeepsAfterMs);
      this.#writeLater(credential, renewedFrom);
    }
    await this.attempts.end(keyOf(credential), credential.generation);
    return 'saved';
  }

  /** Whether the user has removed a credential, in whichever window. */
  async isRemoved(key: CredentialKey): Promise<boolean> {
    await this.open();
    return (await this.#standings.latest(key))?.kind === 'removed' && (await this.get(key)) === undefined;
  }

  /** Forgets a credential, in all windows. Only for what the user asked to be removed. */
  async remove(credential: Credential): Promise<void> {
    await this.open();
    const { account, client, resource } = credential;
    const key = keyOf(credential);
    const signedInAtMs = signInOf(credential);
    const since = signedInAtMs === undefined ? {} : { signedInAtMs };
    const entry = { account, clientId: client.clientId, resource, ...since };
    this.#retries.drop(storingOf(key));
    // What is removed may be older than what another window has saved and this one cannot read.
    const last = (await this.generations.next(key)) - 1;
    const generation = Math.max(credential.generation, last);
    await this.#removals.tell({ ...entry, generation, atMs: this.parts.clock.nowMs() });
    await this.attempts.end(key, generation);
    try {
      await this.#records.forget(key);
    } catch (error) {
      this.parts.log.warn(`A removed credential is still in SecretStorage: ${describeError(error)}`);
      this.#retries.add(`forget ${keyText(key)}`, async () => {
        if (await this.isRemoved(key)) await this.#records.forget(key);
      });
    }
  }

  /**
   * Our registration at `issuer`, if there is one.
   * @param configuredId - asks for the client of the settings with this id, or one of several, instead of the one that we made or asked for
   */
  client(issuer: string, configuredId?: string): Promise<Client | undefined> {
    return this.#registrations.get(issuer, configuredId);
  }

  /** @param isOneOfSeveral - whether it is found by its id, since the issuer may have more */
  putClient(client: Client, isOneOfSeveral = false): Promise<void> {
    return this.#registrations.put(client, isOneOfSeveral);
  }

  /** Forgets `client`, unless another one, or another secret of it, has taken its place. */
  forgetClient(client: Client): Promise<void> {
    return this.#registrations.forget(client);
  }

  /**
   * What a window could not forget before it was closed would be back as soon as its removal is told no longer. What was
   * signed in for since, when the journal took nothing, is told now.
   */
  async #sweep(key: CredentialKey): Promise<void> {
    try {
      const stored = await this.#records.get(key);
      const latest = await this.#standings.latest(key);
      if (latest?.kind !== 'removed' || stored === undefined) return;
      if (stored.generation > latest.generation) {
        this.#known.isAlone(stored);
        this.#writeLater(stored, undefined);
      } else await this.#records.forget(key);
    } catch (error) {
      this.parts.log.warn(`A removed credential is still in SecretStorage: ${describeError(error)}`);
    }
  }

  async #write(credential: Credential, standing: Exclude<Standing, 'overtaken'>): Promise<void> {
    if (standing === 'unknown') throw unknownStanding();
    await this.#journal.write(credential);
    // Only now: what could not be saved must not undo a removal that is still to be told.
    await this.#removals.drop(keyOf(credential));
    this.#retries.drop(keyText(keyOf(credential)));
  }

  /** Windows that do not see this one's SecretStorage would go on with what it has replaced. */
  #writeLater(credential: Credential, renewedFrom: number | undefined): void {
    if (!this.#journal.canSeal) return;
    const name = keyText(keyOf(credential));
    const again = async () => {
      const standing = await this.#standings.of(credential, renewedFrom);
      if (standing !== 'overtaken') await this.#write(credential, standing);
    };
    this.#retries.add(name, () => this.parts.leases.hold(name, again));
  }

  /** A journal that is damaged one day would leave nothing but what SecretStorage took last. */
  #storeLater(key: CredentialKey): void {
    this.#retries.add(storingOf(key), async () => {
      const newest = await this.get(key);
      if (newest !== undefined) await this.#records.put(newest);
    });
  }

  async #open(): Promise<void> {
    const key = await sealingKey(this.parts);
    if (key === undefined)
      this.parts.log.warn('The sealing key is in another window; reload this one to share its records.');
    await this.#journal.open(key, this.parts.clock.nowMs());
    await this.#removals.resume();
    for (const key of this.#journal.removed()) await this.#sweep(key);
  }
}

const storingOf = (key: CredentialKey): string => `store ${keyText(key)}`;
