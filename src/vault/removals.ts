import * as v from 'valibot';
import { isOfAnotherSignIn, keyText, type CredentialKey } from '../core/credential.js';
import { describeError } from '../core/errors.js';
import type { Leases } from '../core/lease.js';
import type { Clock, Log, Memento } from '../core/ports.js';
import { indexSchema, keyOfEntry } from './index-entry.js';
import { Remembered } from './remembered.js';
import type { Retries } from './retries.js';
import type { SealedJournal } from './sealed-journal.js';

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
  readonly retries: Retries;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Log;
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

  /** What an earlier run could not tell. */
  async resume(): Promise<void> {
    for (const [name, removal] of this.#remembered.entries()) {
      const latest = await this.parts.journal.latest(keyOfEntry(removal));
      // By now the newer one may be that of a sign-in.
      if (latest !== undefined && latest.generation > removal.generation) await this.#forget(name);
      else await this.tell(removal);
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
      if (latest?.kind === 'record' && isOfAnotherSignIn(latest.credential, removal.signedInAtMs)) {
        await this.drop(keyOfEntry(removal));
        return;
      }
      // What is newer by now was renewed by a window that could not know.
      const generation = Math.max(removal.generation, latest?.generation ?? 0);
      await this.#write({ ...removal, generation });
    });
  }

  async #write(removal: Removal): Promise<void> {
    const { generation, atMs, signedInAtMs: _, ...entry } = removal;
    await this.parts.journal.remove(entry, Math.max(generation, 1), atMs);
    await this.drop(keyOfEntry(removal));
  }
}
