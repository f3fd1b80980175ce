import { BrokerError, describeError, hasCode } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import type { Place } from '../vault/place.js';
import type { Files, Found } from './place-finder.js';

/** How far a window has come to its storage. */
export type StorageState =
  { readonly kind: 'opening' } | Found | { readonly kind: 'unusable'; readonly error: BrokerError };

export interface StorageOpeningParts {
  /** @throws BrokerError `storage_unusable` */
  readonly find: () => Promise<Found>;
  /** Called, and waited for, when it is known how far it has come, before anybody uses it. */
  readonly found: (state: StorageState, wasLocked: boolean) => Promise<void>;
  readonly log: Log;
}

/** Opens a window's storage in the background. Whoever wants something of it waits for that, and fails as it does. */
export class StorageOpening {
  #state: StorageState = { kind: 'opening' };
  #opening: Promise<void>;
  #onUnlocked: () => void = () => undefined;
  readonly #unlocked = new Promise<void>((resolve) => (this.#onUnlocked = resolve));

  constructor(private readonly parts: StorageOpeningParts) {
    // Later, since whoever hands over the parts is not ready for their use yet.
    this.#opening = Promise.resolve().then(() => this.#open());
  }

  get state(): StorageState {
    return this.#state;
  }

  /** Opens it once more, now that one more passphrase is known. */
  again(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  /** @throws BrokerError `storage_locked`, `storage_unusable` */
  async place(): Promise<Place> {
    await this.#opening;
    switch (this.#state.kind) {
      case 'open':
        return this.#state.place;
      case 'unusable':
        throw this.#state.error;
      case 'locked':
      case 'opening':
        throw new BrokerError('storage_locked', 'The encrypted files wait for their passphrase.');
    }
  }

  /** What is behind no lock. @throws BrokerError `storage_unusable` */
  async files(): Promise<Files> {
    await this.#opening;
    return this.#state.kind === 'locked' ? this.#state.files : this.place();
  }

  /** As `place`, when the lock has been opened. @throws BrokerError `storage_unusable` */
  async placeWhenUnlocked(): Promise<Place> {
    await this.#opening;
    if (this.#state.kind === 'locked') await this.#unlocked;
    return this.place();
  }

  async #open(): Promise<void> {
    const { find, found, log } = this.parts;
    const wasLocked = this.#state.kind === 'locked';
    try {
      this.#state = await find();
    } catch (error) {
      const unusable = hasCode(error, 'storage_unusable') ? error : unexpected(error);
      log.error(`The storage cannot be used: ${describeError(unusable)}`);
      this.#state = { kind: 'unusable', error: unusable };
    }
    await found(this.#state, wasLocked);
    if (wasLocked && this.#state.kind !== 'locked') this.#onUnlocked();
  }
}

function unexpected(cause: unknown): BrokerError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BrokerError('storage_unusable', why, { cause, details: { why } });
}
