import { homedir } from 'node:os';
import { Announcer, type Disposable } from '../core/announcer.js';
import { BrokerError, describeError } from '../core/errors.js';
import type { Memento } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import type { Backend, Storage, StorageCondition, StorageHealth } from '../core/storage.js';
import { absolutePath } from '../node/private-folder.js';
import { Canary } from '../vault/secrets/canary.js';
import { memoryMemento } from '../vault/secrets/in-memory.js';
import { indexedNames } from '../vault/records/record-names.js';
import { memoryPlace, placeFoundLater, type Place } from '../vault/place.js';
import { namesSetAside } from '../vault/records/quarantine.js';
import { WatchedSecrets } from '../vault/secrets/watched-secrets.js';
import { Leftovers } from './leftovers.js';
import { PlaceFinder, type FinderParts, type Found } from './place-finder.js';
import { StorageOpening, type StorageState } from './storage-opening.js';

/** What the settings say about storage. */
export interface StorageSettings {
  readonly backend: 'auto' | Backend;
  /** Empty for the editor's own folder for this extension. */
  readonly directory: string;
  /** Empty for a passphrase. */
  readonly keyFile: string;
}

export interface StorageParts extends Omit<FinderParts, 'wish' | 'closing' | 'onSetAside'> {
  readonly settings: StorageSettings;
  /** Names this life of the window; the same after the extensions alone were restarted. */
  readonly session: string;
}

/**
 * Where this window keeps what it has to keep. The place is found in the background, once in the life of the window;
 * what uses it waits. What cannot be used as the settings ask is used in no other way: then nothing is stored at all.
 */
export class WindowStorage implements Storage, Disposable {
  readonly secrets: Place['secrets'];
  readonly journal: Place['journal'];
  readonly leases: Place['leases'];
  readonly ledgers: Place['ledgers'];
  /** globalState, or what stands in for it where nothing is to be left behind. */
  readonly memento: Memento;
  readonly #changes: Announcer<undefined>;
  readonly #asks: Announcer<boolean>;
  readonly #unlocks: Announcer<undefined>;
  readonly #closing = new AbortController();
  readonly #watched: WatchedSecrets;
  readonly #finder: PlaceFinder;
  readonly #leftovers: Leftovers;
  readonly #canary: Canary | undefined;
  readonly #opening: StorageOpening;
  #forgets = false;
  #filesSetAside = 0;

  constructor(private readonly parts: StorageParts) {
    const { settings, clock, counters, log, memento } = parts;
    const onError = (error: unknown) => log.error(`A listener failed: ${describeError(error)}`);
    [this.#changes, this.#asks, this.#unlocks] = [
      new Announcer(onError),
      new Announcer(onError),
      new Announcer(onError),
    ];
    const changed = () => this.#changed();
    const later = placeFoundLater({
      open: () => this.#opening.place(),
      files: () => this.#opening.files(),
      whenOpen: () => this.#opening.placeWhenUnlocked(),
    });
    this.#watched = new WatchedSecrets({ secrets: later.secrets, clock, counters, changed });
    this.secrets = this.#watched;
    this.journal = later.journal;
    this.leases = later.leases;
    this.ledgers = later.ledgers;
    this.#finder = new PlaceFinder({
      ...parts,
      wish: this.#wish,
      closing: this.#closing.signal,
      onSetAside: () => {
        this.#filesSetAside += 1;
        changed();
      },
    });
    this.#leftovers = new Leftovers({ ...parts, folder: (wish) => this.#finder.folder(wish) });
    if (settings.backend === 'auto') this.#canary = new Canary(parts);
    this.memento = this.keepsNothing ? memoryMemento() : memento;
    this.#opening = new StorageOpening({
      find: () => this.#find(),
      found: (state, wasLocked) => this.#found(state, wasLocked),
      log,
    });
  }

  /** Whether nothing of this window is to be left anywhere. */
  get keepsNothing(): boolean {
    return this.parts.settings.backend === 'memory';
  }

  /** Where files belong that all windows share; undefined when there are to be none. */
  async folder(): Promise<string | undefined> {
    return this.#hasFolder ? this.#finder.folder(this.#wish) : undefined;
  }

  /**
   * Sees to it that `folder` is there and that nobody else can put something into it.
   * @throws BrokerError `storage_unusable`
   */
  async requireFolder(): Promise<void> {
    await this.#finder.requireFolder(this.#wish);
  }

  get health(): StorageHealth {
    const { settings } = this.parts;
    const { state } = this.#opening;
    const { backend, directory } = state.kind === 'open' ? state.inUse : this.#wish;
    const moveFailure = state.kind === 'open' ? state.moveFailure : undefined;
    return {
      backend: this.keepsNothing ? 'memory' : backend,
      ...(directory !== '' && settings.backend !== 'memory' && { directory }),
      condition: this.#condition(),
      setAside: this.#filesSetAside + namesSetAside(this.memento).length,
      ...(moveFailure !== undefined && { moveFailure }),
    };
  }

  get isLocked(): boolean {
    return this.#opening.state.kind === 'locked';
  }

  ask(isCall: boolean): void {
    this.#asks.announce(isCall);
  }

  onDidAsk(listener: (isCall: boolean) => void): Disposable {
    return this.#asks.listen(listener);
  }

  onDidUnlock(listener: () => void): Disposable {
    return this.#unlocks.listen(listener);
  }

  onDidChange(listener: () => void): Disposable {
    return this.#changes.listen(listener);
  }

  async isPassphraseNew(): Promise<boolean> {
    const { state } = this.#opening;
    if (state.kind !== 'locked') return false;
    const { folder, isNew } = state.closed;
    // Another window may have chosen one meanwhile.
    return isNew && (await folder.closure()) !== 'passphrase';
  }

  async unlock(passphrase: Secret): Promise<boolean> {
    const { state } = this.#opening;
    if (state.kind !== 'locked') return true;
    const { folder } = state.closed;
    const isChosen = (await folder.closure()) === 'passphrase';
    if (isChosen && (await folder.open({ kind: 'passphrase', passphrase })) === undefined) return false;
    this.#finder.know(passphrase);
    await this.#opening.again();
    return true;
  }

  get isForgetfulnessNews(): boolean {
    return this.#forgets && this.#canary?.isTold === false && indexedNames(this.memento).length > 0;
  }

  async toldOfForgetfulness(): Promise<void> {
    await this.#canary?.told();
  }

  get isLeftBehindNews(): boolean {
    return this.keepsNothing && this.#leftovers.isNews;
  }

  async keepLeftBehind(): Promise<void> {
    await this.#leftovers.keep();
  }

  async deleteLeftBehind(): Promise<void> {
    await this.#leftovers.delete();
  }

  get canStartAnew(): boolean {
    const { state } = this.#opening;
    const isHelpless =
      state.kind === 'unusable' ||
      (state.kind === 'open' && state.moveFailure !== undefined) ||
      (state.kind === 'locked' && !state.closed.isNew);
    return isHelpless && this.#hasFolder;
  }

  async startAnew(): Promise<void> {
    const { state } = this.#opening;
    // What is open and cannot be moved is what the user wants to do without.
    const place = state.kind === 'open' ? state.inUse : this.#finder.lookedAt;
    await this.#leftovers.abandon(place, this.#wish);
  }

  dispose(): void {
    this.#closing.abort(new BrokerError('storage_unusable', 'The window is closed.'));
    this.#canary?.dispose();
    for (const announcer of [this.#changes, this.#asks, this.#unlocks]) announcer.dispose();
  }

  get #hasFolder(): boolean {
    const { directory } = this.#wish;
    return !this.keepsNothing && (directory === '' || absolutePath(directory, homedir()) !== undefined);
  }

  get #wish() {
    const { backend, directory, keyFile } = this.parts.settings;
    return { backend: backend === 'encryptedFile' ? backend : 'secretStorage', directory, keyFile } as const;
  }

  #condition(): StorageCondition {
    const { state } = this.#opening;
    switch (state.kind) {
      case 'opening':
      case 'locked':
        return { kind: state.kind };
      case 'unusable':
        return { kind: 'unusable', why: String(state.error.details['why'] ?? state.error.message) };
      case 'open': {
        const sinceMs = this.#watched.failingSinceMs;
        if (sinceMs !== undefined) return { kind: 'fails', sinceMs };
        return { kind: this.#forgets ? 'forgets' : 'works' };
      }
    }
  }

  #changed(): void {
    this.parts.counters.note('storage.condition', this.#condition().kind);
    this.#changes.announce(undefined);
  }

  async #find(): Promise<Found> {
    if (this.keepsNothing) return { kind: 'open', place: memoryPlace(), inUse: this.#wish };
    return this.#finder.find();
  }

  async #found(state: StorageState, wasLocked: boolean): Promise<void> {
    if (state.kind === 'open') {
      await this.#restore(state);
      void this.#lookForCanary();
    }
    this.#changed();
    if (wasLocked && state.kind !== 'locked') queueMicrotask(() => this.#unlocks.announce(undefined));
  }

  /** What was set aside is back before anybody looks for it. */
  async #restore({ store }: Extract<Found, { kind: 'open' }>): Promise<void> {
    try {
      await store?.restore();
      this.#filesSetAside = (await store?.setAside()) ?? 0;
    } catch (error) {
      this.parts.log.warn(`Damaged entries stay set aside: ${describeError(error)}`);
    }
  }

  async #lookForCanary(): Promise<void> {
    try {
      this.#forgets = (await this.#canary?.look(indexedNames(this.memento))) === 'forgets';
      if (this.#forgets) this.#changed();
    } catch (error) {
      this.parts.log.warn(`Whether secrets are kept is not known: ${describeError(error)}`);
    }
  }
}
