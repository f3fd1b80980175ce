import assert from 'node:assert/strict';
import type { Disposable } from '../../src/core/announcer.js';
import type { Journal } from '../../src/core/journal.js';

type Operation = 'names' | 'read' | 'write' | 'remove';

/** The journal of one profile. Two windows share it by being given the same: what is written is there for all. */
export class MemoryJournal implements Journal {
  readonly #texts = new Map<string, string>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #failures: Record<Operation, number> = { names: 0, read: 0, write: 0, remove: 0 };

  /** Nobody hears of changes, as in a folder on a network drive. */
  isMute = false;

  /** What is written now, for a test to look at and to damage. */
  get texts(): Map<string, string> {
    return this.#texts;
  }

  /** How many windows listen. */
  get watchers(): number {
    return this.#listeners.size;
  }

  /** The next `times` operations of this kind fail, as those in a folder without rights do. */
  failNext(operation: Operation, times = 1): void {
    this.#failures[operation] += times;
  }

  async names(): Promise<readonly string[]> {
    await this.#begin('names');
    return [...this.#texts.keys()];
  }

  async read(name: string): Promise<string | undefined> {
    await this.#begin('read');
    return this.#texts.get(name);
  }

  async write(name: string, text: string): Promise<void> {
    assert.match(name, /^[\w-]+$/, 'A name that is no file name everywhere.');
    await this.#begin('write');
    this.#texts.set(name, text);
    this.#tell(name);
  }

  async remove(name: string): Promise<void> {
    await this.#begin('remove');
    if (this.#texts.delete(name)) this.#tell(name);
  }

  watch(listener: (name: string) => void): Disposable {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  #begin(operation: Operation): Promise<void> {
    if (this.#failures[operation] === 0) return Promise.resolve();
    this.#failures[operation] -= 1;
    return Promise.reject(new Error(`The journal's folder is locked (${operation}).`));
  }

  /** A watcher hears of a change after it has happened, never within the call that makes it. */
  #tell(name: string): void {
    if (this.isMute) return;
    for (const listener of this.#listeners) {
      queueMicrotask(() => {
        if (this.#listeners.has(listener)) listener(name);
      });
    }
  }
}
