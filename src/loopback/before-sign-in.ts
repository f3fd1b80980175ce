import { BrokerError, canUserHelp, describeError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import type { Server, ServerId } from '../core/server.js';
import type { TokenSource } from '../core/token-source.js';
import type { OwnAnswer } from './answer.js';
import type { Answered, Call } from './asking.js';
import { wholeBody } from './body.js';
import { collected, resultIn } from './collected.js';
import { withoutHeader } from './headers.js';
import { inquiryOf, memberOf, recordOf, wireOf, type Inquiry } from './inquiry.js';
import { LocalSessions, type LocalSession, type Tie } from './local-sessions.js';
import type { Memory } from './memory.js';
import { isRequest, parseMessages, type Message } from './message.js';
import { CallerGone } from './reply.js';

/** Sends one call to the server, with the right token. */
type Ask = (call: Call) => Promise<Answered>;

const answerLimitBytes = 4_194_304;

/** A server that hands out pages without an end is compared as far as this. */
const pagesCompared = 50;

export interface BeforeSignInParts {
  readonly tokens: Pick<TokenSource, 'accessToken' | 'sessionOpened'>;
  readonly memory: Memory;
  readonly sessions: LocalSessions;
  readonly log: Log;
}

/**
 * Lets clients begin with what a server said before, while only the user can help: they learn its tools, and the first
 * call is what leads to the sign-in. Then their sessions are tied to the server's own.
 */
export class BeforeSignIn {
  /** What clients without a session were told of each server, by the methods with which they asked. */
  readonly #told = new Map<ServerId, Set<string>>();

  constructor(private readonly parts: BeforeSignInParts) {}

  /**
   * An answer from what is remembered, for a call that no token can be had for now.
   * @param inquiry - what the call asks for, if it is an inquiry
   * @param local - its session, if that began here
   * @returns undefined when the server has to be asked
   */
  async answer(
    server: Server,
    call: Call,
    inquiry: Inquiry | undefined,
    local: LocalSession | undefined,
  ): Promise<OwnAnswer | undefined> {
    if (local?.tying !== undefined) return undefined;
    const isOfServer = call.session !== undefined && local === undefined;
    if (isOfServer || (local ?? inquiry) === undefined || call.method === 'GET') return undefined;
    if (!(await this.#isWaiting(server))) return undefined;
    if (call.method === 'DELETE' && local !== undefined) {
      this.parts.sessions.close(local);
      return { status: 204 };
    }
    const own = local && ownAnswer(local, call);
    if (own !== undefined || inquiry === undefined) return own;
    const remembered = await this.parts.memory.answer(server, inquiry);
    if (remembered === undefined) return undefined;
    const body = response(inquiry.id, remembered);
    if (!('result' in remembered)) return { status: 200, body };
    const { result } = remembered;
    if (inquiry.method === 'initialize')
      return { status: 200, body, session: this.#open(server, call, result).id };
    if (wireOf(inquiry.params) !== '') this.#tell(server.id, inquiry.method);
    local?.lists.set(inquiry.method, [
      ...(local.lists.get(inquiry.method) ?? []),
      ...itemsOf(inquiry, result),
    ]);
    return { status: 200, body };
  }

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

  /**
   * What clients without a session were told of `server`, where one of them wants to hear what changes and no token can
   * be had for now. It was told so that nobody keeps it; but it is only by the stream that they learn when to ask again.
   */
  async told(server: Server): Promise<ReadonlySet<string> | undefined> {
    const told = this.#told.get(server.id);
    return told !== undefined && (await this.#isWaiting(server)) ? told : undefined;
  }

  #tell(id: ServerId, method: string): void {
    this.#told.set(id, (this.#told.get(id) ?? new Set()).add(method));
  }

  async #isWaiting({ id }: Server): Promise<boolean> {
    try {
      await this.parts.tokens.accessToken(id);
      return false;
    } catch (error) {
      return canUserHelp(error);
    }
  }

  #open(server: Server, { headers, body }: Call, result: unknown): LocalSession {
    const initialize = { headers, body: body.whole ?? Buffer.alloc(0) };
    return this.parts.sessions.open({ server: server.id, initialize, told: recordOf(result) });
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
    if (session !== undefined) tokens.sessionOpened(server.id, session, lent);
    await memory.keep(server, inquiry, result, lent);
    if (!isSameServer(local.told, result)) {
      sessions.close(local);
      throw new BrokerError('session_lost', 'The server is not what it was.');
    }
    const version = String(result['protocolVersion']);
    const headers = headersInSession(initialize.headers, session, version);
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    for (const body of [Buffer.from(initialized), local.logLevel]) {
      if (body !== undefined) (await ask(postOf(headers, session, body))).answer.resume();
    }
    local.news = await this.#news(server, local, (body) => ask(postOf(headers, session, body)));
    return { session, version };
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

/** What needs no server: nothing is known that could change, or it is said again when the server can hear it. */
function ownAnswer(local: LocalSession, { body }: Call): OwnAnswer | undefined {
  const message = body.whole && parseMessages(body.whole);
  if (message === undefined || Array.isArray(message)) return undefined;
  const { id, method } = message as Message;
  if (!isRequest(message as Message)) return { status: 202 };
  if (method === 'logging/setLevel') local.logLevel = body.whole;
  else if (method !== 'ping') return undefined;
  return { status: 200, body: response(id, { result: {} }) };
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

const itemsOf = ({ method }: Inquiry, result: unknown): readonly unknown[] => {
  const items = recordOf(result)[memberOf(method)];
  return Array.isArray(items) ? items : [];
};

const response = (id: unknown, content: object): string => JSON.stringify({ jsonrpc: '2.0', id, ...content });
