import type { Disposable } from './announcer.js';
import type { Lock } from './lock.js';
import type { Secret } from './secret.js';

/** Where secrets are kept. */
export type Backend = 'secretStorage' | 'encryptedFile' | 'memory';

/** How the storage of this window is. */
export type StorageCondition =
  | { readonly kind: 'opening' }
  | { readonly kind: 'works' }
  /** It keeps secrets only until the window is closed. */
  | { readonly kind: 'forgets' }
  /** The last operation failed, and so have all since `sinceMs`. */
  | { readonly kind: 'fails'; readonly sinceMs: number }
  | { readonly kind: 'locked' }
  /** It cannot be used as the settings ask, so nothing is stored. */
  | { readonly kind: 'unusable'; readonly why: string };

/** The health of this window's storage, in one value. */
export interface StorageHealth {
  readonly backend: Backend;
  /** The folder that the user has named for what lies in files, as it stands in the settings. */
  readonly directory?: string;
  readonly condition: StorageCondition;
  /** How many damaged entries are set aside. */
  readonly setAside: number;
  /** Why the credentials are still where they were before the settings asked for another place. */
  readonly moveFailure?: string;
}

/** A storage as the user interface sees it. */
export interface Storage extends Lock {
  readonly health: StorageHealth;
  onDidChange(listener: () => void): Disposable;
  /** @param listener - is called as `ask` is */
  onDidAsk(listener: (isCall: boolean) => void): Disposable;
  /** Whether there is no passphrase yet, so that one is to be chosen. */
  isPassphraseNew(): Promise<boolean>;
  /**
   * Opens what is locked.
   * @returns false when it is another passphrase
   * @throws BrokerError `storage_unusable`
   */
  unlock(passphrase: Secret): Promise<boolean>;

  /** Whether the user is to be told that the editor forgets: something has been lost by it, and nobody has said so. */
  readonly isForgetfulnessNews: boolean;
  toldOfForgetfulness(): Promise<void>;

  /** Where nothing is kept: whether earlier windows have left something, of which nobody has spoken yet. */
  readonly isLeftBehindNews: boolean;
  keepLeftBehind(): Promise<void>;
  deleteLeftBehind(): Promise<void>;

  /** Whether the user may have to give up what is stored: it cannot be opened, or not be moved. */
  readonly canStartAnew: boolean;
  /** Has the next start use what the settings ask for, without what was stored before; of that, nothing is deleted. */
  startAnew(): Promise<void>;
}
