import type { Counters } from '../../core/counters.js';
import { keyOf, keyText, succeeds, type Credential } from '../../core/credential.js';
import { describeError } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { CredentialVault } from '../../vault/credentials.js';
import type { Chore } from '../state/chore.js';
import type { Holdings } from '../state/holdings.js';
import type { KeptLeases } from '../state/kept-leases.js';

/** A keyring that was locked for longer than a moment is unlocked by a person. */
const againAfterMs = 30_000;

export interface UnsavedParts {
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
  readonly leases: KeptLeases;
  readonly vault: CredentialVault;
  readonly holdings: Holdings;
  /** Called when something has come to be done. */
  readonly changed: () => void;
}

interface Pending {
  readonly credential: Credential;
  readonly renewedFrom: number;
}

/**
 * The credentials whose newest tokens no storage has taken yet: their old refresh tokens are spent, so they would be
 * lost with the window. Their leases are kept, so that no other window spends the old ones again, and they are offered
 * again and again, until they are saved, overtaken or signed out.
 */
export class Unsaved implements Chore {
  readonly #pending = new Map<string, Pending>();
  #nextAtMs = 0;
  #saving: Promise<void> | undefined;

  constructor(private readonly parts: UnsavedParts) {}

  /** Takes in what could not be saved, under its lease. @param renewedFrom - as `CredentialVault.put` */
  add(credential: Credential, renewedFrom: number): void {
    const key = keyText(keyOf(credential));
    this.#pending.set(key, { credential, renewedFrom });
    this.parts.leases.keep(key);
    this.#nextAtMs = this.parts.clock.nowMs() + againAfterMs;
    this.#measure();
    this.parts.changed();
  }

  /** `credential` has been saved, and with it everything before it. */
  settle(credential: Credential): void {
    const key = keyText(keyOf(credential));
    const pending = this.#pending.get(key)?.credential;
    if (pending !== undefined && pending.generation <= credential.generation) this.#drop(key);
  }

  dueAtMs(nowMs: number): number {
    if (this.#pending.size === 0 || this.#saving !== undefined) return Infinity;
    // Later than it can have been planned for: the clock was set back.
    return this.#nextAtMs > nowMs + againAfterMs ? nowMs : this.#nextAtMs;
  }

  begin(): void {
    void this.saveAll();
  }

  /** Offers all of it to the storage for the last time. What it does not take is lost, and whoever finds that says so. */
  async close(): Promise<void> {
    await this.#saving;
    await this.saveAll();
    for (const key of this.#pending.keys()) this.parts.leases.release(key);
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
    for (const [key, pending] of [...this.#pending]) {
      try {
        await this.parts.leases.hold(key, () => this.#save(key, pending));
      } catch (error) {
        this.parts.log.warn(`A credential is still only in this window's memory: ${describeError(error)}`);
      }
    }
  }

  async #save(key: string, pending: Pending): Promise<void> {
    const { counters, vault, holdings, leases, log } = this.parts;
    const { credential, renewedFrom } = pending;
    if (this.#pending.get(key) !== pending) return;
    // Another window may have given this one up for frozen, so that the lease has been taken anew.
    leases.keep(key);
    // What is held has come from elsewhere, and is saved; or nothing is, since the user has signed out.
    if (holdings.get(key)?.credential !== credential) {
      this.#drop(key);
      return;
    }
    counters.add('saves.retried');
    // News of another window that had to do without the lease may have got lost.
    const stored = await vault.get(keyOf(credential));
    const isOvertaken = stored !== undefined && succeeds(stored, credential);
    if (isOvertaken) holdings.take(stored);
    else if ((await vault.put(credential, renewedFrom)) === 'overtaken') holdings.remove(key);
    else log.info('A credential that was only in memory is saved.');
    this.#drop(key);
  }

  #drop(key: string): void {
    if (this.#pending.delete(key)) this.parts.leases.release(key);
    this.#measure();
  }

  #measure(): void {
    this.parts.counters.set('saves.pending', this.#pending.size);
  }
}
