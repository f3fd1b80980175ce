import assert from 'node:assert/strict';
import type { Memento } from '../../src/core/ports.js';

/**
 * The editor's globalState: what is stored is visible at once and comes back as a copy that JSON can carry. A value
 * that JSON would change fails the test, because the editor would hand back something else after a reload.
 */
export class FakeMemento implements Memento {
  readonly #values = new Map<string, string>();
  #failures = 0;

  /** The next `times` updates are rejected. */
  failNext(times = 1): void {
    this.#failures += times;
  }

  /** Everything that is stored, as the text in which it lies in the editor's database. */
  get text(): string {
    return JSON.stringify([...this.#values]);
  }

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  get(key: string): unknown {
    const text = this.#values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  update(key: string, value: unknown): Promise<void> {
    if (this.#failures > 0) {
      this.#failures -= 1;
      return Promise.reject(new Error('The state database is locked.'));
    }
    if (value === undefined) this.#values.delete(key);
    else {
      const text = JSON.stringify(value);
      assert.deepEqual(JSON.parse(text), value, 'A value that does not survive its storage.');
      this.#values.set(key, text);
    }
    return Promise.resolve();
  }
}
