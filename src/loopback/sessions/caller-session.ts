import type { IncomingMessage } from 'node:http';
import { BrokerError, hasCode } from '../../core/errors.js';
import type { Server } from '../../core/server.js';
import type { LentToken, TokenSource } from '../../core/token-source.js';
import { firstWordIn, mayBecomeStream, type Answered, type Asking, type Call } from '../calls/asking.js';
import { requireUnbroken } from '../calls/passable.js';
import { single } from '../http/headers.js';
import type { Reply } from '../http/reply.js';
import type { ProtocolVersions } from '../messages/protocol-versions.js';
import { LocalSessions, type LocalSession } from './local-sessions.js';
import { headersInSession, type Tying } from './tying.js';

export interface CallerSessionParts {
  readonly tokens: Pick<TokenSource, 'sessionOpened' | 'owns'>;
  readonly sessions: LocalSessions;
  readonly tying: Tying;
  readonly versions: ProtocolVersions;
}

/** A request, as far as its session is about it. */
export interface SessionCaller {
  readonly server: Server;
  readonly request: IncomingMessage;
  readonly reply: Reply;
  readonly asking: Asking;
  /** Whether the server speaks first in the answer. */
  readonly isBackChannel: () => boolean;
}

/**
 * The session that a request is in: the server's own, or one of ours, which began before the server's or stands for one
 * that is another account's.
 */
export class CallerSession {
  #local: LocalSession | undefined;
  #name: string | null | undefined;

  constructor(
    private readonly parts: CallerSessionParts,
    private readonly caller: SessionCaller,
  ) {}

  /**
   * What the caller hears in the place of the id that the server names in its answer: nothing where null; undefined where
   * that id is right.
   */
  get name(): string | null | undefined {
    return this.#name;
  }

  /** Ours, where it is one of ours. */
  get local(): LocalSession | undefined {
    return this.#local;
  }

  /**
   * @param id - by which the caller names its session, if it names one
   * @throws BrokerError `session_lost` when it is one of ours that is over
   */
  enter(id: string | undefined): void {
    if (!LocalSessions.isLocal(id)) return;
    const { server, reply, isBackChannel } = this.caller;
    const local = this.parts.sessions.find(server.id, id);
    if (local === undefined) throw new BrokerError('session_lost', 'The session has ended.');
    this.#local = local;
    if (!isBackChannel()) return;
    local.streams++;
    reply.whenOver(() => local.streams--);
  }

  /**
   * What the server says to `call`; in a session of ours, when that is tied to the server's own.
   * @throws BrokerError as `Asking.answered` and `Tying.tied`
   */
  answered(call: Call): Promise<Answered> {
    const local = this.#local;
    return local === undefined ? this.caller.asking.answered(call) : this.#answeredIn(local, call);
  }

  /**
   * Ties a session that the server names at its beginning to the account that it was named to. Whoever is given one that
   * is another account's gets an id of ours for it, so that neither session ever changes its account. What the server
   * names elsewhere opens nothing and renames nothing, and the caller does not hear of it.
   * @see MCP, "Session Management": an id is assigned at initialization, and named in all requests after that
   * @throws BrokerError `server_failed` when the answer broke off meanwhile
   */
  async note({ session, body }: Call, answer: IncomingMessage, lent: LentToken): Promise<void> {
    const named = single(answer.headers['mcp-session-id']);
    if (session !== undefined && (named === undefined || named === session)) return;
    const { tokens, sessions } = this.parts;
    const { server, request } = this.caller;
    const { statusCode: status = 502 } = answer;
    const begun = status < 300 ? firstWordIn(body) : undefined;
    // What is packed is not read here, and may be the beginning where there is no session yet.
    const isPacked = request.headers['content-encoding'] !== undefined && session === undefined;
    const opened = begun === 'initialize' || (isPacked && status < 300) ? named : undefined;
    if (begun !== undefined || opened !== undefined) tokens.sessionOpened(server.id, opened, lent);
    if (opened === undefined) {
      if (named !== undefined) this.#name = session ?? null;
      return;
    }
    const isOwn = await tokens.owns(server.id, opened, lent);
    requireUnbroken(answer);
    if (isOwn) return;
    const standIn = sessions.standIn(server.id, opened);
    this.#name = standIn.id;
    tokens.sessionOpened(server.id, standIn.id, lent);
  }

  /**
   * Ends what is over with `answer`, whether or not the caller can be told with a status. Whose a session of the server's
   * was is not forgotten: another client may be in it, or be given its id, and only the server knows when it is over.
   */
  noteEnd({ method, session }: Call, { statusCode = 502 }: IncomingMessage): void {
    if (method === 'DELETE' && statusCode < 300 && session !== undefined)
      this.parts.versions.forget(this.caller.server.id, session);
    // A server may keep its own after a DELETE; ours is then of no more use to anybody. One without a stream says 404 too.
    if (method === 'DELETE' || (method === 'POST' && statusCode === 404)) this.#close();
  }

  /** Ends one of ours that goes on no more after `error`. */
  noteFailure(error: unknown): void {
    const isLast = this.caller.request.method === 'DELETE';
    if (isLast || hasCode(error, 'session_account_changed', 'session_lost')) this.#close();
  }

  #close(): void {
    if (this.#local !== undefined) this.parts.sessions.close(this.#local);
  }

  async #answeredIn(local: LocalSession, call: Call): Promise<Answered> {
    const { server, request, reply, asking, isBackChannel } = this.caller;
    if (local.tying === undefined) await asking.token({ ...call, session: undefined });
    else if (local.tie === undefined) this.#keepAlive(call);
    const { session, name, version } = await this.parts.tying.tied(server, local, {
      ask: (one) => asking.answered(one),
      isStream: isBackChannel(),
      gone: reply.gone,
    });
    const isVersioned = request.headers['mcp-protocol-version'] !== undefined;
    this.#announceNews(local, call);
    return asking.answered({
      ...call,
      session: name,
      headers: headersInSession(call.headers, session, isVersioned ? undefined : version),
    });
  }

  /** For a wait behind another call, which may be one for the user. */
  #keepAlive({ body }: Call): void {
    const { reply, isBackChannel } = this.caller;
    if (isBackChannel() || (reply.acceptsStream && mayBecomeStream(body))) reply.keepAlive();
  }

  /** Tells the client what is not as it was told, on its stream, or before the answer to a call when it has none. */
  #announceNews(local: LocalSession, { body }: Call): void {
    const { reply, isBackChannel } = this.caller;
    const canTell = isBackChannel() || (local.streams === 0 && reply.acceptsStream && mayBecomeStream(body));
    if (local.news.length === 0 || !canTell) return;
    reply.announce(local.news.map((method) => JSON.stringify({ jsonrpc: '2.0', method })));
    local.news = [];
  }
}

/**
 * The id by which a request names its session.
 * @throws BrokerError `session_lost` for more than one, of which the server might take another than we
 */
export function sessionIdIn(request: IncomingMessage): string | undefined {
  const joined = single(request.headers['mcp-session-id']);
  // Several come with a comma between them, which one may have as well.
  if (joined?.includes(',') !== true) return joined;
  const [id, ...others] = new Set(request.headersDistinct['mcp-session-id']);
  if (others.length > 0) throw new BrokerError('session_lost', 'A request belongs to one session.');
  return id;
}
