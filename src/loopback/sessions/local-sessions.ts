import { randomUUID } from 'node:crypto';
import type { ServerId } from '../../core/server.js';

/** Tells our own sessions from those of servers, whose ids are theirs to choose. */
const prefix = 'mcp-credentials-local-';

/** More than any editor opens; the oldest has long been left by then. */
const sessionsKept = 100;

/**
 * A session with an id of ours, and the server's own that it is tied to: later, when it began with what the server said
 * before; or from the beginning, when the server gave it an id that is another account's session.
 */
export interface LocalSession {
  readonly id: string;
  readonly server: ServerId;
  /** Whether it began with what the server said before; the server itself has heard all of any other. */
  readonly beganHere: boolean;
  /** The `initialize` request of the client. */
  readonly initialize: { readonly headers: readonly string[]; readonly body: Buffer };
  /** What the client was told in answer to it. */
  readonly told: Readonly<Record<string, unknown>>;
  /** What the client was told in answer to each method that lists something. */
  readonly lists: Map<string, readonly unknown[]>;
  /** What the client set before anybody could hear it. */
  logLevel: Buffer | undefined;
  /** Whether the client has a stream open on which it hears what changes. */
  streams: number;
  /** Methods of the notifications that the client has not heard yet. */
  news: readonly string[];
  /** Under way, or done; undefined before and after a failure. */
  tying: { readonly tie: Promise<Tie>; readonly isByStream: boolean } | undefined;
  /** What came of it. */
  tie: Tie | undefined;
}

/** The server's own session, which a local one is tied to for as long as both live. */
export interface Tie {
  /** Undefined for a server that has none. */
  readonly session: string | undefined;
  /** What its account is known by: the same, or the local session's id where that is none or somebody else's. */
  readonly name: string;
  /** Of the protocol, which both speak; undefined where the client has heard it from the server itself. */
  readonly version: string | undefined;
}

const unused = { logLevel: undefined, streams: 0, news: [] };
const untied = { tying: undefined, tie: undefined };

/** The local sessions of a window. */
export class LocalSessions {
  readonly #sessions = new Map<string, LocalSession>();

  /** Whether `session` was given out by us. */
  static isLocal(session: string | undefined): session is string {
    return session?.startsWith(prefix) === true;
  }

  /** One that begins with what the server said before. */
  open(parts: Pick<LocalSession, 'server' | 'initialize' | 'told'>): LocalSession {
    const id = prefix + randomUUID();
    return this.#keep({ ...parts, id, beganHere: true, ...unused, lists: new Map(), ...untied });
  }

  /** One that stands for the session `named` of the server, whose id is another account's. */
  standIn(server: ServerId, named: string): LocalSession {
    const id = prefix + randomUUID();
    const tie = { session: named, name: id, version: undefined };
    const tying = { tie: Promise.resolve(tie), isByStream: false };
    const unread = { initialize: { headers: [], body: Buffer.alloc(0) }, told: {} };
    return this.#keep({ ...unread, server, id, beganHere: false, ...unused, lists: new Map(), tying, tie });
  }

  #keep(session: LocalSession): LocalSession {
    this.#sessions.set(session.id, session);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > sessionsKept && oldest !== undefined) this.#sessions.delete(oldest);
    return session;
  }

  /** @returns undefined when it has ended, or belongs to another server */
  find(server: ServerId, id: string): LocalSession | undefined {
    const session = this.#sessions.get(id);
    return session?.server === server ? session : undefined;
  }

  /** Whether a client of `server` works in one. */
  has(server: ServerId): boolean {
    return [...this.#sessions.values()].some((session) => session.server === server);
  }

  /** Ends all sessions of `server`. */
  closeOf(server: ServerId): void {
    for (const session of [...this.#sessions.values()]) if (session.server === server) this.close(session);
  }

  close({ id }: LocalSession): void {
    this.#sessions.delete(id);
  }
}
