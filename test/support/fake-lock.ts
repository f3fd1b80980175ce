import { BrokerError } from '../../src/core/errors.js';
import type { Lock } from '../../src/core/lock.js';
import type { SecretStore } from '../../src/core/ports.js';

/** A lock that a test closes and opens, and a secret store behind it. */
export class FakeLock implements Lock {
  isLocked = false;
  /** For each time that somebody wanted it open, whether it was for a call. */
  readonly asked: boolean[] = [];
  readonly #listeners = new Set<() => void>();

  ask(isCall: boolean): void {
    this.asked.push(isCall);
  }

  onDidUnlock(listener: () => void) {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  unlock(): void {
    this.isLocked = false;
    for (const listener of [...this.#listeners]) listener();
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  behind(secrets: SecretStore): SecretStore {
    const opened = async <T>(use: () => PromiseLike<T>): Promise<T> => {
      if (this.isLocked) throw new BrokerError('storage_locked', 'It is locked.');
      return use();
    };
    return {
      get: (key) => opened(() => secrets.get(key)),
      store: (key, value) => opened(() => secrets.store(key, value)),
      delete: (key) => opened(() => secrets.delete(key)),
    };
  }
}
