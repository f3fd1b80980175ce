import * as v from 'valibot';
import type { Account } from '../../core/account.js';
import type { ServerId } from '../../core/server.js';
import { digest } from '../journal/digest.js';
import { LedgerMap, type LedgerMapParts } from './ledger-map.js';
import { accountSchema } from '../records/record.js';

export interface SessionRules {
  /** How long, and how many at most, sessions are remembered that nobody has closed. */
  readonly sessionsKeepMs: () => number;
  readonly sessionsKeepCount: () => number;
}

/** So many digests are remembered, so that the calls of a session do not each make one. */
const digestsLimit = 1_000;

/**
 * Which account each MCP session belongs to. The first binding wins, also among windows, for as long as it is kept: a
 * server may give an id again that it has given to somebody else, and only it knows whether that session is over.
 * Session ids are stored as SHA-256 digests, since whoever has an id may be taken for its owner by a careless server.
 */
export class Sessions {
  readonly #kept: LedgerMap<Account>;
  readonly #digests = new Map<string, string>();
  /** Each change waits for the one before, so that none is overtaken while a digest is made. */
  #changes = Promise.resolve();

  constructor(parts: LedgerMapParts, { sessionsKeepMs, sessionsKeepCount }: SessionRules) {
    const accounts = new Map<string, Account>();
    /** Thousands of sessions belong to a handful of accounts, so they share them. */
    const shared = (account: Account): Account => {
      const name = JSON.stringify([account.issuer, account.subject, account.label]);
      const known = accounts.get(name);
      if (known === undefined) accounts.set(name, account);
      return known ?? account;
    };
    this.#kept = new LedgerMap(parts, v.pipe(accountSchema, v.transform(shared)), {
      what: 'sessions',
      wins: 'first',
      keepMs: sessionsKeepMs,
      keepCount: sessionsKeepCount,
    });
  }

  /** How many are in memory. */
  get size(): number {
    return this.#kept.size;
  }

  /** @returns the account of `session`, or undefined when the session is not ours */
  async accountOf(server: ServerId, session: string): Promise<Account | undefined> {
    await this.#changes;
    const key = await this.#digestOf(server, session);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    await this.#kept.loaded;
    return this.#kept.get(key);
  }

  /** The same when it is in memory already, so that a call does not wait; undefined says nothing about the ledger. */
  accountAtHand(server: ServerId, session: string): Account | undefined {
    const key = this.#digests.get(nameOf(server, session));
    return key === undefined ? undefined : this.#kept.get(key);
  }

  /**
   * Ties `session` to `account`, unless it belongs to somebody already.
   * @returns whose it is
   */
  async open(server: ServerId, session: string, account: Account): Promise<Account> {
    await this.#change(server, session, (key) => this.#kept.set(key, account));
    // The ledger may name somebody who was there before.
    await this.#kept.loaded;
    return this.#kept.get(await this.#digestOf(server, session)) ?? account;
  }

  /** Forgets `session`, whose id must be one that nobody can come back with. */
  close(server: ServerId, session: string): Promise<void> {
    return this.#change(server, session, (key) => this.#kept.delete(key));
  }

  /** Resolves when everything is written. */
  async end(): Promise<void> {
    await this.#changes;
    await this.#kept.close();
  }

  #change(server: ServerId, session: string, apply: (key: string) => void): Promise<void> {
    this.#changes = this.#changes.then(async () => apply(await this.#digestOf(server, session)));
    return this.#changes;
  }

  async #digestOf(server: ServerId, session: string): Promise<string> {
    const name = nameOf(server, session);
    const known = this.#digests.get(name);
    if (known !== undefined) return known;
    const made = await digest(name);
    if (this.#digests.size >= digestsLimit) this.#digests.clear();
    this.#digests.set(name, made);
    return made;
  }
}

const nameOf = (server: ServerId, session: string): string => JSON.stringify([server, session]);
