import * as v from 'valibot';
import type { CredentialKey } from '../../core/credential.js';
import { BrokerError, describeError } from '../../core/errors.js';
import type { Journal } from '../../core/journal.js';
import type { Log, SecretStore } from '../../core/ports.js';
import type { CutOff } from '../../core/refusal.js';
import { journalName } from './sealed-journal.js';

const probeName = 'probe';

const noteSchema = v.strictObject({
  version: v.literal(1),
  generation: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** What has happened if the issuer refuses this generation from now on. */
  cutOff: v.picklist(['window-lost', 'answer-lost']),
});

export interface AttemptsParts {
  readonly secrets: SecretStore;
  readonly journal: Journal;
  readonly log: Log;
  /** Whether this window can write credentials into the journal. */
  readonly canSeal: () => boolean;
}

/**
 * Notes about renewals, made before a refresh token is spent. Such a note shows that the storage takes something; and
 * when it is still there afterwards, it says what has become of a token that may have been spent in vain.
 */
export class Attempts {
  constructor(private readonly parts: AttemptsParts) {}

  /**
   * To be called under the lease, right before the refresh token of `generation` is spent.
   * @returns how an earlier attempt was cut off, if one was
   * @throws BrokerError `vault_write_failed` when neither the journal nor SecretStorage takes anything
   */
  async begin(key: CredentialKey, generation: number): Promise<CutOff | undefined> {
    const { log, canSeal } = this.parts;
    const earlier = await this.#read(key, generation);
    let isNoted = true;
    try {
      await this.#write(key, generation, 'window-lost');
    } catch (error) {
      log.warn(`The journal takes no note: ${describeError(error)}`);
      isNoted = false;
    }
    try {
      // What comes back would have to go where this goes now.
      if (!isNoted || !canSeal()) await this.#probe();
    } catch (error) {
      if (isNoted) await this.end(key, generation, earlier);
      throw error;
    }
    return earlier;
  }

  /** @param cutOff - what is to be known about the attempt from now on; nothing when undefined */
  async end(key: CredentialKey, generation: number, cutOff?: CutOff): Promise<void> {
    try {
      if (cutOff === undefined) await this.parts.journal.remove(await nameOf(key));
      else await this.#write(key, generation, cutOff);
    } catch (error) {
      this.parts.log.warn(`A note about a renewal is out of date: ${describeError(error)}`);
    }
  }

  /** A note about a later generation says that this one has been spent. */
  async #read(key: CredentialKey, generation: number): Promise<CutOff | undefined> {
    try {
      const text = await this.parts.journal.read(await nameOf(key));
      if (text === undefined) return undefined;
      const note = v.parse(noteSchema, JSON.parse(text));
      return note.generation >= generation ? note.cutOff : undefined;
    } catch (error) {
      this.parts.log.warn(`A note about a renewal cannot be read: ${describeError(error)}`);
      return undefined;
    }
  }

  async #write(key: CredentialKey, generation: number, cutOff: CutOff): Promise<void> {
    const note: v.InferOutput<typeof noteSchema> = { version: 1, generation, cutOff };
    await this.parts.journal.write(await nameOf(key), JSON.stringify(note));
  }

  async #probe(): Promise<void> {
    const { secrets } = this.parts;
    try {
      await secrets.store(probeName, '');
      await secrets.delete(probeName);
    } catch (cause) {
      throw new BrokerError('vault_write_failed', 'The storage takes nothing at present.', { cause });
    }
  }
}

const nameOf = async (key: CredentialKey): Promise<string> => `${await journalName(key)}-attempt`;
