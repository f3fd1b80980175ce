import type * as v from 'valibot';
import type { Disposable } from '../../core/announcer.js';
import { describeError } from '../../core/errors.js';
import type { Ledger } from '../../core/ledger.js';
import type { Clock, Log } from '../../core/ports.js';
import { inferredFromMs, setAfterMs, usedAtMs } from './entry-ages.js';
import {
  apply,
  inOrderOfUse,
  lineOf,
  lineSchema,
  parseLines,
  replay,
  type Change,
  type Entry,
  type Wins,
} from './ledger-changes.js';

/** Changes that come within this time are written together. */
const writeAfterMs = 250;

/** Each window leaves a piece behind; so many are still read in no time. */
const piecesLimit = 4;

/** Lines that a window may add before it looks whether most of them are of no use any more. */
const foldAfterLines = 1_000;

/** Lines that wait for a ledger that takes none; those beyond are only in memory. */
const unwrittenLimit = 10_000;

/** A use within this time after one that is noted is not, so that no number of windows writes much. */
const useNotedAfterMs = 24 * 3_600_000;

export interface LedgerMapRules<T = unknown> {
  /** What is kept, as a word for the log. */
  readonly what: string;
  readonly wins: Wins;
  /** How long an entry is kept that was set, or used where uses are noted, in milliseconds; read when the ledger is. */
  readonly keepMs: () => number;
  /** How many entries are kept; the oldest go first, or those that were used longest ago where uses are noted. */
  readonly keepCount: () => number;
  /** Given where uses are noted: whether an entry stays, however long ago it was used and however many there are. */
  readonly stays?: (key: string, value: T) => boolean;
}

export interface LedgerMapParts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Values by key that outlive the window: in memory, and in a ledger, to which each change adds one line, whatever the
 * number of entries. What the ledger holds is read in the background. Trouble with it is logged and troubles no
 * caller: this window then works from memory.
 */
export class LedgerMap<T> {
  /** Settles when what the ledger holds is in memory, or cannot be read. Never rejects. */
  readonly loaded: Promise<void>;
  /** In the order of their age. */
  #entries = new Map<string, Entry<T>>();
  /** The changes of this window until the ledger has been read. */
  #early: Change<T>[] | undefined = [];
  #unwritten: string[] = [];
  #timer: Disposable | undefined;
  #writing = Promise.resolve();
  #folding: Promise<unknown> = Promise.resolve();
  #addedSinceFold = 0;
  #isFailing = false;
  #isClosed = false;
  readonly #line;

  /** @param schema - of the stored form, which is that of the value */
  constructor(
    private readonly parts: LedgerMapParts,
    schema: v.GenericSchema<unknown, T>,
    private readonly rules: LedgerMapRules<T>,
  ) {
    this.#line = lineSchema(schema);
    this.loaded = this.#load();
  }

  /** Whether `loaded` has settled. */
  get isLoaded(): boolean {
    return this.#early === undefined;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  /** What all windows have written until now. Rejects where that cannot be read: this window may not know the half of it. */
  async everything(): Promise<ReadonlyMap<string, T>> {
    await this.loaded;
    this.#flush();
    await this.#writing;
    const entries = this.#live(parseLines(this.#line, (await this.parts.ledger.load()).lines));
    return new Map([...entries].map(([key, { value }]) => [key, value]));
  }

  set(key: string, value: T): void {
    const present = this.#entries.get(key);
    if (present !== undefined && this.rules.wins === 'first') return;
    const atMs = setAfterMs(present, this.parts.clock.nowMs());
    this.#change({ key, atMs, value, ...(this.#notesUses && { usedAtMs: atMs }) });
    this.#dropSurplus(this.#entries);
  }

  /**
   * Sets what follows from what this window knows to be under `key`, or from that it knows of nothing. What another window
   * has set after what is known here wins, whatever the clocks say: this one could not know of that. So what follows from
   * nothing is older than anything that was ever set, and kept for its uses, which are to be noted.
   */
  infer(key: string, value: T): void {
    const known = this.#entries.get(key);
    const atMs = known === undefined ? 0 : inferredFromMs(known);
    this.#change({ key, atMs, value, ...(this.#notesUses && { usedAtMs: this.parts.clock.nowMs() }) });
    this.#dropSurplus(this.#entries);
  }

  /** Notes that what is under `key` is in use, once a day at most. It stays as old as it is: any newer value wins. */
  use(key: string): void {
    const present = this.#entries.get(key);
    if (present === undefined) return;
    const nowMs = this.parts.clock.nowMs();
    if (nowMs - usedAtMs(present) >= useNotedAfterMs) this.#change({ key, ...present, usedAtMs: nowMs });
  }

  /**
   * Drops what all windows have used last before `sinceMs`, but for what stays by the rules. Whoever calls it has made
   * sure that the clock is right. Resolves when it is done, or cannot be. Never rejects.
   */
  async dropUnused(sinceMs: number): Promise<void> {
    await this.loaded;
    const isOver = (key: string, entry: Entry<T>) =>
      usedAtMs(entry) < sinceMs && this.rules.stays?.(key, entry.value) !== true;
    const overHere = [...this.#entries].filter(([key, entry]) => isOver(key, entry));
    // Nearly always this is all: what other windows have added or used since is younger.
    if (overHere.length === 0) return;
    this.#flush();
    await this.#writing;
    if (this.#isClosed) return;
    const isUsedHere = (key: string) => {
      const here = this.#entries.get(key);
      return here !== undefined && !isOver(key, here);
    };
    let left: ReadonlyMap<string, Entry<T>> = new Map();
    const isFolded = await this.#fold((live) => {
      // A ledger that takes nothing for a while does not know what this window uses.
      left = new Map([...live].filter(([key, entry]) => !isOver(key, entry) || isUsedHere(key)));
      return left;
    });
    if (!isFolded) return;
    const unused = overHere.filter(([key]) => !left.has(key));
    for (const [key, entry] of overHere) {
      if (this.#entries.get(key) !== entry) continue;
      const inUse = left.get(key);
      this.#entries.delete(key);
      if (inUse !== undefined) this.#entries.set(key, inUse);
    }
    if (unused.length > 0) this.parts.log.info(`Unused ${this.rules.what} are dropped: ${unused.length}.`);
  }

  delete(key: string): void {
    // Before the ledger has been read, it may have what this window has never heard of.
    if (this.#early === undefined && !this.#entries.has(key)) return;
    this.#change({ key, atMs: setAfterMs(this.#entries.get(key), this.parts.clock.nowMs()) });
  }

  /** Resolves when everything is written. Changes that come later stay in memory. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#flush();
    await Promise.all([this.#writing, this.#folding]);
  }

  get #notesUses(): boolean {
    return this.rules.stays !== undefined;
  }

  #change(change: Change<T>): void {
    apply(this.#entries, change, this.rules.wins);
    this.#early?.push(change);
    if (this.#isClosed) return;
    this.#unwritten.push(lineOf(change));
    this.#addedSinceFold += 1;
    this.#timer ??= this.parts.clock.after(writeAfterMs, () => this.#flush());
  }

  #flush(): void {
    this.#timer?.dispose();
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    if (this.#addedSinceFold > Math.max(foldAfterLines, 2 * this.#entries.size)) void this.#fold();
  }

  async #write(): Promise<void> {
    const lines = this.#unwritten;
    if (lines.length === 0) return;
    this.#unwritten = [];
    try {
      await this.parts.ledger.append(lines);
      this.#isFailing = false;
    } catch (error) {
      // They go with the next change.
      this.#unwritten = [...lines, ...this.#unwritten].slice(-unwrittenLimit);
      this.#report('cannot be written', error);
    }
  }

  async #load(): Promise<void> {
    const { parts, rules } = this;
    const { ledger, log } = parts;
    try {
      const { lines, pieces } = await ledger.load();
      const stored = parseLines(this.#line, lines);
      const damaged = lines.length - stored.length;
      if (damaged > 0) log.warn(`Damaged ${rules.what} are left out: ${damaged} lines.`);
      const live = this.#live(stored);
      const early = this.#early ?? [];
      this.#entries = early.length === 0 ? live : this.#live([...stored, ...early]);
      const isUndated = this.#notesUses && stored.some((change) => change.usedAtMs === undefined);
      const isUntidy = live.size < lines.length || pieces > piecesLimit || isUndated;
      if (isUntidy && !this.#isClosed) void this.#fold();
    } catch (error) {
      this.#report('cannot be read', error);
    }
    this.#early = undefined;
  }

  /** @returns whether it is done */
  #fold(keep = (live: ReadonlyMap<string, Entry<T>>) => live): Promise<boolean> {
    this.#addedSinceFold = 0;
    const fold = async () => {
      try {
        await this.parts.ledger.fold((lines) => {
          const live = keep(this.#live(parseLines(this.#line, lines)));
          return [...live].map(([key, entry]) => lineOf({ key, ...entry }));
        });
        return true;
      } catch (error) {
        this.#report('cannot be tidied up', error);
        return false;
      }
    };
    const folding = this.#folding.then(fold);
    this.#folding = folding;
    return folding;
  }

  /** What is left after all `changes`, in whatever order they come, and after the rules of age and count. */
  #live(changes: readonly Change<T>[]): Map<string, Entry<T>> {
    const nowMs = this.parts.clock.nowMs();
    const oldestMs = nowMs - this.rules.keepMs();
    const young = changes.filter((change) => usedAtMs(change) >= oldestMs);
    const left = replay(young, this.rules.wins);
    const entries = this.#notesUses ? inOrderOfUse(left, nowMs) : left;
    this.#dropSurplus(entries);
    return entries;
  }

  #dropSurplus(entries: Map<string, Entry<T>>): void {
    const keepCount = this.rules.keepCount();
    if (entries.size <= keepCount) return;
    for (const [key, { value }] of entries) {
      if (this.rules.stays?.(key, value) !== true) entries.delete(key);
      if (entries.size <= keepCount) return;
    }
  }

  /** Once for as long as it lasts. */
  #report(what: string, error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.parts.log.warn(
      `The ${this.rules.what} ${what}, so this window goes on from memory: ${describeError(error)}`,
    );
  }
}
