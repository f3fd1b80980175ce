import type { Disposable } from '../../core/announcer.js';
import {
  isAlive,
  keyOf,
  keyText,
  succeeds,
  type Credential,
  type CredentialKey,
} from '../../core/credential.js';
import { describeError } from '../../core/errors.js';
import type { Lock } from '../../core/lock.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Server, ServerId } from '../../core/server.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry, type IndexEntry } from '../../vault/records/index-entry.js';
import type { BoundServers } from './bound-servers.js';
import { nobody, undecided } from '../state/failures.js';
import type { Held, Holdings } from '../state/holdings.js';

export interface LoaderParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly lock: Lock;
  readonly vault: CredentialVault;
  readonly servers: BoundServers;
  readonly holdings: Holdings;
  /** Called with what has just been read from the storage. */
  readonly restored: (credential: Credential, key: string) => void;
  /** Called when everything is in memory that the servers of this window use. */
  readonly loaded: () => void;
}

/** Brings what is stored into this window's memory: at the start, for a call, and with news of other windows. */
export class Loader implements Disposable {
  readonly #loads = new Map<string, Promise<Held>>();
  readonly #listening: readonly Disposable[];
  #isUnlocking = false;
  #hasRestored = false;
  #isDisposed = false;

  constructor(private readonly parts: LoaderParts) {
    this.#listening = [
      parts.vault.watch((key) => void this.#onNews(key)),
      parts.lock.onDidUnlock(() => void this.#onUnlocked()),
    ];
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const listening of this.#listening) listening.dispose();
  }

  /** From the start, if what is stored is locked, until what was behind the lock is in memory. */
  get isLocked(): boolean {
    return this.parts.lock.isLocked || this.#isUnlocking;
  }

  /** Resolves when the credentials of all servers are in memory, but for those that cannot be read. */
  async loadAll(): Promise<void> {
    const { servers, lock, log, loaded } = this.parts;
    await this.#open().catch((error: unknown) => {
      log.warn(`The journal cannot be opened: ${describeError(error)}`);
    });
    await servers.loaded;
    servers.noteUse();
    servers.decideAnew();
    // What is behind a lock is loaded when it opens.
    if (!lock.isLocked) await Promise.all(servers.all().map((server) => this.#loadFor(server)));
    loaded();
  }

  /**
   * The credential that `id` uses, undefined when nobody is signed in.
   * @throws BrokerError as `CredentialVault.open` and `CredentialVault.get`
   */
  async held(id: ServerId): Promise<Held | undefined> {
    const { vault, servers } = this.parts;
    await vault.open();
    await servers.loaded;
    const bound = servers.boundTo(id);
    return bound && this.#load(bound);
  }

  /** The same when it is in memory already, so that a call does not wait; undefined says nothing about the storage. */
  atHand(id: ServerId): Held | undefined {
    const bound = this.parts.servers.boundTo(id);
    return bound && this.parts.holdings.get(keyText(keyOfEntry(bound)));
  }

  /** @throws BrokerError `server_unknown`; `sign_in_required`, `account_choice_required`; as `held` */
  async heldOrThrow(id: ServerId): Promise<Held> {
    const { servers } = this.parts;
    const held = await this.held(servers.get(id).id);
    if (held !== undefined && isAlive(held.credential)) return held;
    await this.#lookAgain(held);
    const found = await this.held(id);
    if (found !== undefined) return found;
    throw servers.candidates(id).length > 0 ? undecided(id) : nobody(id);
  }

  /** What was set aside in an earlier window is tried again once in this one. */
  async #open(): Promise<void> {
    const { vault } = this.parts;
    await vault.open();
    if (this.#hasRestored) return;
    this.#hasRestored = true;
    await vault.restore();
  }

  /** News of another window may have got lost, and nobody signs in for what another window has. */
  async #lookAgain(held: Held | undefined): Promise<void> {
    const { vault, servers } = this.parts;
    await vault.look();
    if (held !== undefined) await this.#onNews(keyOf(held.credential));
    servers.decideAnew();
  }

  /** What cannot be read for one server takes no other along; its calls say what is wrong. */
  async #loadFor({ id }: Server): Promise<void> {
    try {
      await this.held(id);
    } catch (error) {
      this.parts.log.error(
        `A credential could not be read, the next call tries again: ${describeError(error)}`,
      );
    }
  }

  /** Everything is loaded as at the start; calls that waited go on. */
  async #onUnlocked(): Promise<void> {
    this.#isUnlocking = true;
    await this.loadAll().finally(() => (this.#isUnlocking = false));
    this.parts.loaded();
  }

  async #load(entry: IndexEntry): Promise<Held> {
    const key = keyText(keyOfEntry(entry));
    const held = this.parts.holdings.get(key);
    if (held !== undefined) return held;
    const load = this.#loads.get(key) ?? this.#read(entry).finally(() => this.#loads.delete(key));
    this.#loads.set(key, load);
    return load;
  }

  async #read(entry: IndexEntry): Promise<Held> {
    const { vault, clock, holdings, restored } = this.parts;
    const stored = await vault.get(keyOfEntry(entry));
    const credential = stored ?? dropped(entry, clock.nowMs());
    holdings.take(credential);
    restored(credential, keyText(keyOf(credential)));
    return holdings.get(keyText(keyOf(credential))) ?? { credential, activity: { kind: 'idle' } };
  }

  /** The journal has changed: a sign-in, a renewal or a sign-out, in another window unless it is known here. */
  async #onNews(key: CredentialKey): Promise<void> {
    const { vault, servers, holdings, log } = this.parts;
    try {
      const held = holdings.get(keyText(key));
      if (held === undefined && !servers.mayUse(key)) return;
      const newest = held === undefined ? undefined : await vault.get(key);
      const isGone = held !== undefined && newest === undefined && (await vault.isRemoved(key));
      if (isGone) holdings.remove(keyText(key));
      const isNews = held === undefined || newest === undefined || succeeds(newest, held.credential);
      if (!isNews || this.#isDisposed) return;
      // A renewal that has just ended may still be on its way out, so what it says counts, not that it is there.
      const isRefreshing = holdings.get(keyText(key))?.activity.kind === 'refreshing';
      const kind = isRefreshing ? 'refreshing' : 'idle';
      if (newest !== undefined) holdings.take(newest, { kind });
      // Who uses what has not changed with it.
      else await this.loadAll();
    } catch (error) {
      log.warn(`News of another window cannot be read: ${describeError(error)}`);
    }
  }
}

/** Stands for a credential that the index names and SecretStorage no longer has: the account is not forgotten. */
function dropped({ account, clientId, resource }: IndexEntry, nowMs: number): Credential {
  return {
    account,
    client: { issuer: account.issuer, clientId, authMethod: 'none', source: 'configured' },
    resource,
    generation: 1,
    scopes: [],
    tokens: { kind: 'refused', reason: 'secret-missing', refusedAtMs: nowMs },
  };
}
