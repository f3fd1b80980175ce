import * as v from 'valibot';
import type { Counters } from '../../core/counters.js';
import { describeError } from '../../core/errors.js';
import type { Log, Memento, SecretStore } from '../../core/ports.js';
import { damagedName } from './record-names.js';
import { Remembered } from './remembered.js';

const notePrefix = 'set-aside:';

export interface QuarantineParts {
  readonly secrets: SecretStore;
  readonly memento: Memento;
  readonly counters: Counters;
  readonly log: Log;
}

/**
 * Secrets whose text makes no sense to us. They are kept beside the sound ones under another name, since a newer
 * version may be able to read what this one cannot, and noted by name in globalState.
 */
export class Quarantine {
  readonly #notes: Remembered<object>;

  constructor(private readonly parts: QuarantineParts) {
    this.#notes = new Remembered(parts.memento, notePrefix, v.strictObject({}), parts.log);
  }

  /**
   * Reads the secret `name`; one whose text makes no sense is set aside, and is like none from then on.
   * @param parse - throws an error without any of the text
   */
  async read<T>(name: string, parse: (text: string) => T): Promise<T | undefined> {
    const { secrets, log } = this.parts;
    const text = await secrets.get(name);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      log.error(`The secret ${JSON.stringify(name)} is set aside: ${describeError(error)}`);
    }
    await this.#add(name, text);
    return undefined;
  }

  /** Removes what was set aside of the secret `name`. */
  async forget(name: string): Promise<void> {
    if (this.#notes.get(name) === undefined) return;
    await this.parts.secrets.delete(damagedName(name));
    await this.#notes.delete(name);
  }

  /** Tries again what was set aside; what is sound goes back, unless something newer is in its place. */
  async restore(isSound: (name: string, text: string) => boolean): Promise<void> {
    const { secrets, log } = this.parts;
    for (const [name] of this.#notes.entries()) {
      try {
        const text = await secrets.get(damagedName(name));
        if (text !== undefined && !isSound(name, text)) continue;
        if (text !== undefined && (await secrets.get(name)) === undefined) {
          await secrets.store(name, text);
          log.info(`The secret ${JSON.stringify(name)} can be read again; it is back.`);
        }
        await this.#notes.delete(name);
        await secrets.delete(damagedName(name));
      } catch (error) {
        log.warn(`The secret ${JSON.stringify(name)} stays set aside: ${describeError(error)}`);
      }
    }
  }

  async #add(name: string, text: string): Promise<void> {
    const { secrets, counters, log } = this.parts;
    counters.add('storage.quarantined');
    try {
      await secrets.store(damagedName(name), text);
      await this.#notes.set(name, {});
      // Another window may have stored something sound meanwhile.
      if ((await secrets.get(name)) === text) await secrets.delete(name);
    } catch (error) {
      log.warn(`Setting it aside failed: ${describeError(error)}`);
    }
  }
}

/** The names of the secrets that are set aside. */
export const namesSetAside = (memento: Memento): readonly string[] =>
  memento
    .keys()
    .filter((key) => key.startsWith(notePrefix))
    .map((key) => key.slice(notePrefix.length));
