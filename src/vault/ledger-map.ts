import * as v from 'valibot';
import type { Disposable } from '../core/announcer.js';
import { describeError } from '../core/errors.js';
import type { Ledger } from '../core/ledger.js';
import type { Clock, Log } from '../core/ports.js';

/** Changes that come within this time are written together. */
const writeAfterMs = 250;

/** Each window leaves a piece behind; so many are still read in no time. */
const piecesLimit = 4;

/** Lines that a window may add before it looks whether most of them are of no use any more. */
const foldAfterLines = 1_000;

/** Lines that wait for a ledger that takes none; those beyond are only in memory. */
const unwrittenLimit = 10_000;

export interface LedgerMapRules {
  /** What is kept, as a word for the log. */
  readonly what: string;
  /** Of two values for one key: the `first` one until it is deleted, or the `last` one. */
  readonly wins: 'first' | 'last';
  /** How long an entry is kept, in milliseconds; read when the ledger is. */
  readonly keepMs: () => number;
  /** How many entries are kept; the oldest go first. */
  readonly keepCount: () => number;
}

export interface LedgerMapParts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry<T> {
  readonly value: T;
  readonly atMs: number;
}

/** A value that was set, or the deletion of one. */
interface Change<T> {
  readonly key: string;
  readonly atMs: number;
  readonly value?: T;
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
  #folding = Promise.resolve();
  #addedSinceFold = 0;
  #isFailing = false;
  #isClosed = false;
  readonly #line;

  /** @param schema - of the stored form, which is that of the value */
  constructor(
    private readonly parts: LedgerMapParts,
    schema: v.GenericSchema<unknown, T>,
    private readonly rules: LedgerMapRules,
  ) {
    this.#line = v.strictObject({
      version: v.literal(1),
      key: v.string(),
      atMs: v.pipe(v.number(), v.finite()),
      value: v.exactOptional(schema),
    });
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
    const entries = this.#replay(this.#parse((await this.parts.ledger.load()).lines));
    return new Map([...entries].map(([key, { value }]) => [key, value]));
  }

  set(key: string, value: T): void {
    const present = this.#entries.get(key);
    if (present !== undefined && this.rules.wins === 'first') return;
    this.#change({ key, atMs: this.#laterThan(present), value });
    this.#dropSurplus(this.#entries);
  }

  delete(key: string): void {
    // Before the ledger has been read, it may have what this window has never heard of.
    if (this.#early === undefined && !this.#entries.has(key)) return;
    this.#change({ key, atMs: this.#laterThan(this.#entries.get(key)) });
  }

  /** Resolves when everything is written. Changes that come later stay in memory. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#flush();
    await Promise.all([this.#writing, this.#folding]);
  }

  /** A clock that was set back must not make what is newer look older. */
  #laterThan(present: Entry<T> | undefined): number {
    return Math.max(this.parts.clock.nowMs(), (present?.atMs ?? -Infinity) + 1);
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
    if (this.#addedSinceFold > Math.max(foldAfterLines, 2 * this.#entries.size)) this.#fold();
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
      const stored = this.#parse(lines);
      const damaged = lines.length - stored.length;
      if (damaged > 0) log.warn(`Damaged ${rules.what} are left out: ${damaged} lines.`);
      const live = this.#replay(stored);
      const early = this.#early ?? [];
      this.#entries = early.length === 0 ? live : this.#replay([...stored, ...early]);
      const isUntidy = live.size < lines.length || pieces > piecesLimit;
      if (isUntidy && !this.#isClosed) this.#fold();
    } catch (error) {
      this.#report('cannot be read', error);
    }
    this.#early = undefined;
  }

  #fold(): void {
    this.#addedSinceFold = 0;
    const fold = async () => {
      try {
        await this.parts.ledger.fold((lines) => {
          const live = this.#replay(this.#parse(lines));
          return [...live].map(([key, entry]) => lineOf({ key, ...entry }));
        });
      } catch (error) {
        this.#report('cannot be tidied up', error);
      }
    };
    this.#folding = this.#folding.then(fold);
  }

  /** What is left after all `changes`, in whatever order they come, and after the rules of age and count. */
  #replay(changes: readonly Change<T>[]): Map<string, Entry<T>> {
    const oldestMs = this.parts.clock.nowMs() - this.rules.keepMs();
    const entries = new Map<string, Entry<T>>();
    for (const change of changes.filter(({ atMs }) => atMs >= oldestMs).sort((a, b) => a.atMs - b.atMs)) {
      apply(entries, change, this.rules.wins);
    }
    this.#dropSurplus(entries);
    return entries;
  }

  #dropSurplus(entries: Map<string, Entry<T>>): void {
    const keepCount = this.rules.keepCount();
    for (const oldest of entries.keys()) {
      if (entries.size <= keepCount) return;
      entries.delete(oldest);
    }
  }

  #parse(lines: readonly string[]): Change<T>[] {
    const changes: Change<T>[] = [];
    for (const line of lines) {
      const result = v.safeParse(this.#line, parsed(line));
      if (result.success) changes.push(result.output);
    }
    return changes;
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

function apply<T>(entries: Map<string, Entry<T>>, change: Change<T>, wins: 'first' | 'last'): void {
  const { key, atMs, value } = change;
  if (value !== undefined && wins === 'first' && entries.has(key)) return;
  // A key that is set again goes to the end, where the young ones are.
  entries.delete(key);
  if (value !== undefined) entries.set(key, { value, atMs });
}

const lineOf = <T>(change: Change<T>): string => JSON.stringify({ version: 1, ...change });

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
