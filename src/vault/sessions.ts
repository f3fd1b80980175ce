import * as v from 'valibot';
import type { Account } from '../core/account.js';
import type { Log, Memento } from '../core/ports.js';
import type { ServerId } from '../core/server.js';
import { digest } from './digest.js';
import { accountSchema } from './record.js';
import { Remembered } from './remembered.js';

interface StoredSession {
  readonly server: string;
  readonly account: Account;
  readonly openedAtMs: number;
}

const sessionSchema = v.strictObject({ server: v.string(), account: accountSchema, openedAtMs: v.number() });

/** A session that nobody closed is forgotten after this long; servers end theirs much earlier. */
const keepForMs = 30 * 24 * 3_600_000;

/**
 * Which account each MCP session belongs to. The first binding wins. Session ids are stored as SHA-256 digests,
 * since whoever has an id may be taken for its owner by a careless server.
 */
export class Sessions {
  readonly #open = new Map<string, Account>();
  readonly #entries: Remembered<StoredSession>;

  constructor(memento: Memento, log: Log) {
    this.#entries = new Remembered(memento, 'session:', sessionSchema, log);
  }

  /** Forgets what is too old. Called once, at activation. */
  async prune(nowMs: number): Promise<void> {
    for (const [name, { openedAtMs }] of this.#entries.entries()) {
      if (nowMs - openedAtMs > keepForMs) await this.#entries.delete(name);
    }
  }

  /** @returns the account of `session`, or undefined when the session is not ours */
  async accountOf(server: ServerId, session: string): Promise<Account | undefined> {
    const known = this.#open.get(nameOf(server, session));
    if (known !== undefined) return known;
    const stored = this.#entries.get(await digest(nameOf(server, session)));
    if (stored !== undefined) this.#open.set(nameOf(server, session), stored.account);
    return stored?.account;
  }

  /** Ties `session` to `account`, unless it belongs to somebody already. */
  async open(server: ServerId, session: string, account: Account, nowMs: number): Promise<void> {
    const name = nameOf(server, session);
    if (this.#open.has(name)) return;
    this.#open.set(name, account);
    const stored = await digest(name);
    const owner = this.#entries.get(stored)?.account;
    if (owner !== undefined) {
      this.#open.set(name, owner);
      return;
    }
    await this.#entries.set(stored, { server, account, openedAtMs: nowMs });
  }

  async close(server: ServerId, session: string): Promise<void> {
    const name = nameOf(server, session);
    this.#open.delete(name);
    await this.#entries.delete(await digest(name));
  }
}

const nameOf = (server: ServerId, session: string): string => JSON.stringify([server, session]);
