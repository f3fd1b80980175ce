import * as v from 'valibot';
import type { Log, Memento } from '../../core/ports.js';
import { damagedName } from './record-names.js';

/**
 * Entries of one kind in globalState, each under a key of its own, so that writing one costs the same however many
 * there are and cannot undo another window's write to another. An entry that does not fit its schema is set aside
 * under `damaged:` and reported; it stops none of the others.
 */
export class Remembered<T> {
  constructor(
    private readonly memento: Memento,
    private readonly prefix: string,
    private readonly schema: v.GenericSchema<unknown, T>,
    private readonly log: Log,
  ) {}

  /** All sound entries, by their key without the prefix. */
  entries(): readonly (readonly [string, T])[] {
    return this.memento
      .keys()
      .filter((key) => key.startsWith(this.prefix))
      .flatMap((key) => {
        const name = key.slice(this.prefix.length);
        const value = this.get(name);
        return value === undefined ? [] : [[name, value] as const];
      });
  }

  get(name: string): T | undefined {
    const stored = this.memento.get(this.prefix + name);
    if (stored === undefined) return undefined;
    const result = v.safeParse(this.schema, stored);
    if (result.success) return result.output;
    this.#setAside(name, stored);
    return undefined;
  }

  set(name: string, value: T): PromiseLike<void> {
    return this.memento.update(this.prefix + name, value);
  }

  /** Removes an entry, and what was set aside of it. */
  async delete(name: string): Promise<void> {
    const copy = damagedName(this.prefix + name);
    await this.memento.update(this.prefix + name, undefined);
    if (this.memento.get(copy) !== undefined) await this.memento.update(copy, undefined);
  }

  #setAside(name: string, stored: unknown): void {
    const key = this.prefix + name;
    this.log.error(`The stored entry ${JSON.stringify(key)} is damaged; it is set aside and ignored.`);
    const giveUp = (error: unknown) => {
      this.log.warn(`Setting it aside failed: ${JSON.stringify(String(error))}`);
    };
    const isStillThere = () => JSON.stringify(this.memento.get(key)) === JSON.stringify(stored);
    void Promise.resolve(this.memento.update(damagedName(key), stored))
      .then(() => (isStillThere() ? this.memento.update(key, undefined) : undefined))
      .catch(giveUp);
  }
}
