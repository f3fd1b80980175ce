import * as v from 'valibot';
import { isAlive, keyText, signInOf, type Credential, type CredentialKey } from '../../core/credential.js';
import { describeError } from '../../core/errors.js';
import type { Leases } from '../../core/lease.js';
import type { Clock, Log, Memento } from '../../core/ports.js';
import { indexSchema, keyOfEntry } from '../records/index-entry.js';
import { Remembered } from '../records/remembered.js';
import type { Retries } from './retries.js';
import type { SealedJournal } from './sealed-journal.js';
import type { SecretRecords } from '../records/secret-records.js';
import { unknownStanding } from './standing.js';

const removalSchema = v.strictObject({
  ...indexSchema.entries,
  generation: v.pipe(v.number(), v.integer(), v.minValue(0)),
  atMs: v.number(),
  signedInAtMs: v.exactOptional(v.number()),
});

/** That the user has removed what came from one sign-in, up to and including `generation`. */
export type Removal = v.InferOutput<typeof removalSchema>;

export interface RemovalParts {
  readonly memento: Memento;
  readonly journal: SealedJournal;
  readonly records: Pick<SecretRecords, 'get'>;
  readonly retries: Retries;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Log;
  /** Is called under the lease as soon as every window knows of a removal that had to wait for that; never rejects. */
  readonly told: (key: CredentialKey) => Promise<void>;
}

/**
 * Removals that the other windows do not know of yet, since the journal took nothing. They are told again until it
 * does; globalState remembers them for a later start, and for this window they count at once.
 */
export class Removals {
  readonly #remembered: Remembered<Removal>;
  readonly #untold = new Map<string, Removal>();

  constructor(private readonly parts: RemovalParts) {
    this.#remembered = new Remembered(parts.memento, 'removal:', removalSchema, parts.log);
  }

  /** Whether every window knows of every removal. */
  get areTold(): boolean {
    return this.#untold.size === 0;
  }

  /** The removal of `key` that is still to be told. */
  untold(key: CredentialKey): Removal | undefined {
    return this.#untold.get(keyText(key));
  }

  /** Tells the other windows now or, when that fails, again and again. */
  async tell(removal: Removal): Promise<void> {
    const { retries, log } = this.parts;
    const name = keyText(keyOfEntry(removal));
    this.#untold.set(name, removal);
    retries.drop(name);
    try {
      await this.#write(removal);
      return;
    } catch (error) {
      log.warn(`Other windows cannot be told of a removal yet: ${describeError(error)}`);
    }
    retries.add(name, () => this.#again(name, removal));
    try {
      await this.#remembered.set(name, removal);
    } catch (error) {
      log.warn(`A removal is only in this window's memory: ${describeError(error)}`);
    }
  }

  /**
   * What an earlier run could not tell. It counts at once, and is told a moment later: whoever opens the vault may hold
   * the lease that this waits for.
   */
  async resume(): Promise<void> {
    const { journal, retries } = this.parts;
    for (const [name, removal] of this.#remembered.entries()) {
      const latest = await journal.latest(keyOfEntry(removal));
      if (latest?.kind === 'record' && isSignedInSince(latest.credential, removal)) {
        await this.#forget(name);
        continue;
      }
      this.#untold.set(name, removal);
      retries.add(name, () => this.#again(name, removal));
    }
  }

  /** Somebody has signed in again, or everybody has been told. */
  async drop(key: CredentialKey): Promise<void> {
    const name = keyText(key);
    if (!this.#untold.delete(name)) return;
    this.parts.retries.drop(name);
    await this.#forget(name);
  }

  async #forget(name: string): Promise<void> {
    if (this.#remembered.get(name) === undefined) return;
    try {
      await this.#remembered.delete(name);
    } catch (error) {
      // The next start finds it told.
      this.parts.log.warn(`A removal is still remembered: ${describeError(error)}`);
    }
  }

  async #again(name: string, removal: Removal): Promise<void> {
    await this.parts.leases.hold(name, async () => {
      if (this.#untold.get(name) !== removal) return;
      const latest = await this.parts.journal.latest(keyOfEntry(removal));
      // It may be that of a new sign-in.
      if (latest?.kind === 'unread') throw unknownStanding();
      if (latest?.kind === 'record' && isSignedInSince(latest.credential, removal)) {
        await this.drop(keyOfEntry(removal));
        return;
      }
      // What is newer by now was renewed by a window that could not know, and the journal need not have taken that.
      const stored = await this.parts.records.get(keyOfEntry(removal)).catch(() => undefined);
      const renewed = stored !== undefined && !isSignedInSince(stored, removal) ? stored.generation : 0;
      const generation = Math.max(removal.generation, latest?.generation ?? 0, renewed);
      await this.#write({ ...removal, generation });
      await this.parts.told(keyOfEntry(removal));
    });
  }

  async #write(removal: Removal): Promise<void> {
    const { generation, atMs, signedInAtMs: _, ...entry } = removal;
    await this.parts.journal.remove(entry, Math.max(generation, 1), atMs);
    await this.drop(keyOfEntry(removal));
  }
}

/**
 * Whether `credential` comes from a sign-in since `removal`, and not from what was removed, renewed or not. A window that
 * does not know of the removal counts on from what it knows, so a new sign-in may have the generation that was removed.
 */
function isSignedInSince(credential: Credential, removal: Removal): boolean {
  const signedInAtMs = signInOf(credential);
  if (!isAlive(credential) || signedInAtMs === removal.signedInAtMs) return false;
  const isLater = signedInAtMs !== undefined && signedInAtMs > (removal.signedInAtMs ?? removal.atMs);
  return isLater || credential.generation > removal.generation;
}
