import type { Counters } from '../../core/counters.js';
import { hasCode } from '../../core/errors.js';
import type { Clock, SecretStore } from '../../core/ports.js';

export interface WatchedSecretsParts {
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Called when it begins to fail, and when it works again. */
  readonly changed: () => void;
}

/** A secret store that counts what fails, and knows since when nothing has worked. */
export class WatchedSecrets implements SecretStore {
  #failingSinceMs: number | undefined;

  constructor(private readonly parts: WatchedSecretsParts) {}

  /** When the first of the operations failed of which none has succeeded since. */
  get failingSinceMs(): number | undefined {
    return this.#failingSinceMs;
  }

  get(key: string): Promise<string | undefined> {
    return this.#watch(() => this.parts.secrets.get(key));
  }

  store(key: string, value: string): Promise<void> {
    return this.#watch(() => this.parts.secrets.store(key, value));
  }

  delete(key: string): Promise<void> {
    return this.#watch(() => this.parts.secrets.delete(key));
  }

  async #watch<T>(operate: () => PromiseLike<T>): Promise<T> {
    const { clock, counters } = this.parts;
    try {
      const result = await operate();
      this.#note(undefined);
      return result;
    } catch (error) {
      // That it waits for the user is no failure.
      if (!hasCode(error, 'storage_locked', 'storage_unusable')) {
        counters.add('storage.failures');
        this.#note(this.#failingSinceMs ?? clock.nowMs());
      }
      throw error;
    }
  }

  #note(failingSinceMs: number | undefined): void {
    if (failingSinceMs === this.#failingSinceMs) return;
    this.#failingSinceMs = failingSinceMs;
    this.parts.changed();
  }
}
