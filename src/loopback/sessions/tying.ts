import type { IncomingMessage } from 'node:http';
import { BrokerError, canUserHelp, describeError, hasCode } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Server } from '../../core/server.js';
import type { TokenSource } from '../../core/token-source.js';
import { withinLimit } from '../../core/waiting.js';
import type { Answered, Call } from '../calls/asking.js';
import { wholeBody } from '../http/body.js';
import { collected, resultIn } from './collected.js';
import { discard } from '../http/discard.js';
import { withHeader, withoutHeader } from '../http/headers.js';
import { inquiryOf, itemsOf, recordOf } from '../messages/inquiry.js';
import type { LocalSession, LocalSessions, Tie } from './local-sessions.js';
import type { Memory } from './memory.js';
import { parseMessages, type Message } from '../messages/message.js';
import { requirePassable } from '../calls/passable.js';
import { CallerGone } from '../http/reply.js';

/** Whoever is first, in whose place the server is asked. */
export interface First {
  /** Sends one call to the server, with the right token. */
  readonly ask: (call: Call) => Promise<Answered>;
  /** Whether it is a stream, which has more patience with the user than any call that would wait behind it. */
  readonly isStream: boolean;
  readonly gone: AbortSignal;
}

type Post = (body: Buffer) => Promise<Answered>;

/** Clients give a call up after a minute; what comes first must leave it something. */
const openingLimitMs = 30_000;

/** What has changed is worth less than the call that waits. */
const newsLimitMs = 5_000;

const answerLimitBytes = 4_194_304;

/** A server that hands out pages without an end is compared as far as this. */
const pagesCompared = 50;

export interface TyingParts {
  readonly tokens: Pick<TokenSource, 'sessionOpened' | 'owns'>;
  readonly memory: Memory;
  readonly sessions: LocalSessions;
  readonly clock: Clock;
  readonly log: Log;
}

/** Ties sessions that began here to the server's own, as soon as that can be asked. */
export class Tying {
  constructor(private readonly parts: TyingParts) {}

  /**
   * Ties `local` to a session of the server, opened with the client's own parameters; once for all calls that wait.
   * @throws BrokerError `session_lost`: the server is not what the client was told; `server_failed`; as `First.ask` and `requirePassable`
   */
  async tied(server: Server, local: LocalSession, first: First): Promise<Tie> {
    for (;;) {
      const tying = (local.tying ??= { tie: this.#tie(server, local, first), isByStream: first.isStream });
      try {
        return (local.tie = await tying.tie);
      } catch (error) {
        if (local.tying === tying) local.tying = undefined;
        // Whoever was first has left, or is a stream that does not wait; the next one carries on.
        const isOfFirst =
          error instanceof CallerGone || (tying.isByStream && !first.isStream && isForUser(error));
        if (first.gone.aborted || !isOfFirst) throw error;
      }
    }
  }

  async #tie(server: Server, local: LocalSession, { ask, isStream, gone }: First): Promise<Tie> {
    const { tokens, memory, sessions, clock } = this.parts;
    const { initialize } = local;
    const inquiry = inquiryOf(parseMessages(initialize.body) as Message);
    const from = { isImpatient: isStream, limitMs: openingLimitMs };
    const opening = await ask({ ...from, ...postOf(initialize.headers, undefined, initialize.body) });
    const { answer, lent } = opening;
    const asked = wholeBody(initialize.body);
    await requirePassable(answer, lent, asked, { hasBegun: false, isBackChannel: false }, clock);
    const result = recordOf(await this.#resultOf(opening, inquiry?.id, openingLimitMs, gone));
    if (answer.statusCode !== 200 || inquiry === undefined || Object.keys(result).length === 0)
      throw failed(answer, 'The server opens no session.');
    const session = [answer.headers['mcp-session-id']].flat()[0];
    // Where the server has no sessions, or names one that is somebody else's, ours is what keeps its account.
    const isOwn = session !== undefined && (await tokens.owns(server.id, session, lent));
    const name = isOwn ? session : local.id;
    tokens.sessionOpened(server.id, name, lent);
    await memory.keep(server, inquiry, result, lent);
    if (!isSameServer(local.told, result)) {
      sessions.close(local);
      throw new BrokerError('session_lost', 'The server is not what it was.');
    }
    const version = String(result['protocolVersion']);
    const headers = headersInSession(initialize.headers, session, version);
    const posting =
      (how: Pick<Call, 'isImpatient' | 'limitMs'>): Post =>
      (body) =>
        ask({ ...how, ...postOf(headers, name, body) });
    const post = posting(from);
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    for (const body of [Buffer.from(initialized), local.logLevel])
      if (body !== undefined) discard((await post(body)).answer, clock);
    const ofNews = { isImpatient: true, limitMs: newsLimitMs };
    local.news = await this.#news(server, local, posting(ofNews), gone);
    return { session, name, version };
  }

  /** What the server says to the request `id`; what it says after that is left. */
  async #resultOf({ answer }: Answered, id: unknown, limitMs: number, gone: AbortSignal): Promise<unknown> {
    const { clock } = this.parts;
    const late = failed(answer, 'The answer does not end.');
    try {
      const text = await withinLimit(
        clock,
        limitMs,
        late,
        () => collected(answer, answerLimitBytes, id),
        gone,
      );
      return resultIn(answer, text ?? '', id);
    } finally {
      discard(answer, clock);
    }
  }

  /** The notifications about lists that are not what the client was told. */
  async #news(server: Server, local: LocalSession, post: Post, gone: AbortSignal): Promise<string[]> {
    const { clock, log } = this.parts;
    const news = new Set<string>();
    const endMs = clock.nowMs() + newsLimitMs;
    for (const [method, told] of local.lists) {
      try {
        const items = await this.#list(server, method, post, endMs, gone);
        if (JSON.stringify(items) !== JSON.stringify(told))
          news.add(`notifications/${method.split('/')[0] ?? ''}/list_changed`);
      } catch (error) {
        if (error instanceof CallerGone) throw error;
        log.debug(`A list of ${JSON.stringify(server.id)} is not compared: ${describeError(error)}`);
      }
    }
    return [...news];
  }

  /** All items of a list, which are remembered on the way. */
  async #list(
    server: Server,
    method: string,
    post: Post,
    endMs: number,
    gone: AbortSignal,
  ): Promise<unknown[]> {
    const { clock, memory } = this.parts;
    const items: unknown[] = [];
    let cursor: unknown;
    for (let page = 0; page < pagesCompared; page++) {
      if (clock.nowMs() >= endMs) throw new Error('It takes too long.');
      const request = {
        jsonrpc: '2.0',
        // Ids are used once in a session (MCP, "Requests").
        id: `mcp-credentials-${method}-${page}`,
        method,
        params: cursor === undefined ? {} : { cursor },
      };
      const inquiry = inquiryOf(request);
      const answered = await post(Buffer.from(JSON.stringify(request)));
      const result = await this.#resultOf(answered, request.id, newsLimitMs, gone);
      if (inquiry === undefined || result === undefined) throw failed(answered.answer, 'There is no list.');
      await memory.keep(server, inquiry, result, answered.lent);
      items.push(...itemsOf(inquiry, result));
      cursor = recordOf(result)['nextCursor'];
      if (cursor === undefined) break;
    }
    return items;
  }
}

/** `headers` for a request in `session` of the server. */
export function headersInSession(
  headers: readonly string[],
  session: string | undefined,
  version?: string,
): string[] {
  const others = withoutHeader(headers, 'mcp-session-id');
  const named = session === undefined ? others : [...others, 'mcp-session-id', session];
  return version === undefined
    ? named
    : [...withoutHeader(named, 'mcp-protocol-version'), 'mcp-protocol-version', version];
}

/** A client that was told of another version or of other abilities would ask for what is not there, or never ask. */
function isSameServer(
  told: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): boolean {
  return (['protocolVersion', 'capabilities'] as const).every(
    (member) => JSON.stringify(told[member]) === JSON.stringify(now[member]),
  );
}

/** What is read here must be readable. */
const postOf = (headers: readonly string[], session: string | undefined, body: Buffer): Call => ({
  method: 'POST',
  headers: withHeader(headers, 'accept-encoding', 'identity'),
  session,
  body: wholeBody(body),
});

const isForUser = (error: unknown): boolean => canUserHelp(error) || hasCode(error, 'scope_required');

const failed = ({ statusCode = 0 }: IncomingMessage, why: string): BrokerError =>
  new BrokerError('server_failed', why, { details: { status: statusCode } });
