import { BrokerError, describeError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import type { Server } from '../core/server.js';
import type { TokenSource } from '../core/token-source.js';
import type { Answered, Call } from './asking.js';
import { wholeBody } from './body.js';
import { collected, resultIn } from './collected.js';
import { withoutHeader } from './headers.js';
import { inquiryOf, itemsOf, recordOf } from './inquiry.js';
import type { LocalSession, LocalSessions, Tie } from './local-sessions.js';
import type { Memory } from './memory.js';
import { parseMessages, type Message } from './message.js';
import { CallerGone } from './reply.js';

/** Sends one call to the server, with the right token. */
type Ask = (call: Call) => Promise<Answered>;

const answerLimitBytes = 4_194_304;

/** A server that hands out pages without an end is compared as far as this. */
const pagesCompared = 50;

export interface TyingParts {
  readonly tokens: Pick<TokenSource, 'sessionOpened'>;
  readonly memory: Memory;
  readonly sessions: LocalSessions;
  readonly log: Log;
}

/** Ties sessions that began here to the server's own, as soon as that can be asked. */
export class Tying {
  constructor(private readonly parts: TyingParts) {}

  /**
   * Ties `local` to a session of the server, opened with the client's own parameters; once for all calls that wait.
   * @param ask - sends for the caller who is first
   * @param gone - of that caller
   * @throws BrokerError `session_lost`: the server is not what the client was told; `server_failed`; as `ask`
   */
  async tied(server: Server, local: LocalSession, ask: Ask, gone: AbortSignal): Promise<Tie> {
    for (;;) {
      const tying = (local.tying ??= this.#tie(server, local, ask));
      try {
        return (local.tie = await tying);
      } catch (error) {
        if (local.tying === tying) local.tying = undefined;
        // Whoever was first has left; the next one carries on.
        if (gone.aborted || !(error instanceof CallerGone)) throw error;
      }
    }
  }

  async #tie(server: Server, local: LocalSession, ask: Ask): Promise<Tie> {
    const { tokens, memory, sessions } = this.parts;
    const { initialize } = local;
    const inquiry = inquiryOf(parseMessages(initialize.body) as Message);
    const { answer, lent } = await ask(postOf(initialize.headers, undefined, initialize.body));
    const text = (await collected(answer, answerLimitBytes)) ?? '';
    const result = recordOf(resultIn(answer, text, inquiry?.id));
    if (answer.statusCode !== 200 || inquiry === undefined || Object.keys(result).length === 0) {
      const details = { status: answer.statusCode ?? 0 };
      throw new BrokerError('server_failed', 'The server opens no session.', { details });
    }
    const session = [answer.headers['mcp-session-id']].flat()[0];
    // Where the server has no sessions, ours is what keeps its account.
    const name = session ?? local.id;
    tokens.sessionOpened(server.id, name, lent);
    await memory.keep(server, inquiry, result, lent);
    if (!isSameServer(local.told, result)) {
      sessions.close(local);
      throw new BrokerError('session_lost', 'The server is not what it was.');
    }
    const version = String(result['protocolVersion']);
    const headers = headersInSession(initialize.headers, session, version);
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    for (const body of [Buffer.from(initialized), local.logLevel]) {
      if (body !== undefined) (await ask(postOf(headers, name, body))).answer.resume();
    }
    local.news = await this.#news(server, local, (body) => ask(postOf(headers, name, body)));
    return { session, name, version };
  }

  /** The notifications about lists that are not what the client was told. */
  async #news(
    server: Server,
    local: LocalSession,
    post: (body: Buffer) => Promise<Answered>,
  ): Promise<string[]> {
    const news = new Set<string>();
    for (const [method, told] of local.lists) {
      try {
        const items = await this.#list(server, method, post);
        if (JSON.stringify(items) !== JSON.stringify(told))
          news.add(`notifications/${method.split('/')[0] ?? ''}/list_changed`);
      } catch (error) {
        if (error instanceof CallerGone) throw error;
        this.parts.log.debug(
          `A list of ${JSON.stringify(server.id)} is not compared: ${describeError(error)}`,
        );
      }
    }
    return [...news];
  }

  /** All items of a list, which are remembered on the way. */
  async #list(server: Server, method: string, post: (body: Buffer) => Promise<Answered>): Promise<unknown[]> {
    const items: unknown[] = [];
    let cursor: unknown;
    for (let page = 0; page < pagesCompared; page++) {
      const request = {
        jsonrpc: '2.0',
        id: `mcp-credentials-${page}`,
        method,
        params: cursor === undefined ? {} : { cursor },
      };
      const inquiry = inquiryOf(request);
      const { answer, lent } = await post(Buffer.from(JSON.stringify(request)));
      const text = (await collected(answer, answerLimitBytes)) ?? '';
      const result = resultIn(answer, text, request.id);
      if (inquiry === undefined || result === undefined)
        throw new BrokerError('server_failed', 'There is no list.', {
          details: { status: answer.statusCode ?? 0 },
        });
      await this.parts.memory.keep(server, inquiry, result, lent);
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

const postOf = (headers: readonly string[], session: string | undefined, body: Buffer): Call => ({
  method: 'POST',
  headers,
  session,
  body: wholeBody(body),
});
