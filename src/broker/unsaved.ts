import type { Counters } from '../core/counters.js';
import { keyOf, keyText, type Credential } from '../core/credential.js';
import { describeError } from '../core/errors.js';
import type { Leases } from '../core/lease.js';
import type { Clock, Log } from '../core/ports.js';
import type { CredentialVault } from '../vault/credentials.js';
import type { Chore } from './chore.js';
import type { Holdings } from './holdings.js';

/** A keyring that was locked for longer than a moment is unlocked by a person. */
const againAfterMs = 30_000;

export interface UnsavedParts {
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
  readonly leases: Leases;
  readonly vault: CredentialVault;
  readonly holdings: Holdings;
  /** Called when something has come to be done. */
  readonly changed: () => void;
}

/**
 * The credentials whose newest tokens no storage has taken yet: their old refresh tokens are spent, so they would be
 * lost with the window. They are offered again and again, until they are saved, overtaken or signed out.
 */
export class Unsaved implements Chore {
  readonly #pending = new Map<string, Credential>();
  #nextAtMs = 0;
  #saving: Promise<void> | undefined;

  constructor(private readonly parts: UnsavedParts) {}

  /** Takes in what could not be saved. */
  add(credential: Credential): void {
    this.#pending.set(keyText(keyOf(credential)), credential);
    this.#nextAtMs = this.parts.clock.nowMs() + againAfterMs;
    this.#measure();
    this.parts.changed();
  }

  /** `credential` has been saved, and with it everything before it. */
  settle(credential: Credential): void {
    const key = keyText(keyOf(credential));
    if ((this.#pending.get(key)?.generation ?? Infinity) > credential.generation) return;
    this.#pending.delete(key);
    this.#measure();
  }

  dueAtMs(nowMs: number): number {
    if (this.#pending.size === 0 || this.#saving !== undefined) return Infinity;
    // Later than it can have been planned for: the clock was set back.
    return this.#nextAtMs > nowMs + againAfterMs ? nowMs : this.#nextAtMs;
  }

  begin(): void {
    void this.saveAll();
  }

  /** Offers all of it to the storage once more. Never rejects. */
  saveAll(): Promise<void> {
    this.#saving ??= this.#saveAll().finally(() => {
      this.#saving = undefined;
      this.#nextAtMs = this.parts.clock.nowMs() + againAfterMs;
      this.#measure();
      this.parts.changed();
    });
    return this.#saving;
  }

  async #saveAll(): Promise<void> {
    for (const [key, credential] of [...this.#pending]) {
      try {
        await this.parts.leases.hold(key, () => this.#save(key, credential));
      } catch (error) {
        this.parts.log.warn(`A credential is still only in this window's memory: ${describeError(error)}`);
      }
    }
  }

  async #save(key: string, credential: Credential): Promise<void> {
    const { counters, vault, holdings, log } = this.parts;
    if (this.#pending.get(key) !== credential) return;
    // What is held has come from elsewhere, and is saved; or nothing is, since the user has signed out.
    if (holdings.get(key)?.credential.generation !== credential.generation) {
      this.#pending.delete(key);
      return;
    }
    counters.add('saves.retried');
    await vault.put(credential);
    this.settle(credential);
    log.info('A credential that was only in memory is saved.');
  }

  #measure(): void {
    this.parts.counters.set('saves.pending', this.#pending.size);
  }
}
