import { canUserHelp } from '../../core/errors.js';
import type { Server, ServerId } from '../../core/server.js';
import type { TokenSource } from '../../core/token-source.js';
import type { OwnAnswer } from '../messages/answer.js';
import type { Call } from '../calls/asking.js';
import { itemsOf, recordOf, wireOf, type Inquiry } from '../messages/inquiry.js';
import type { LocalSession, LocalSessions } from './local-sessions.js';
import type { Memory } from './memory.js';
import { isRequest, parseMessages, type Message } from '../messages/message.js';

export interface BeforeSignInParts {
  readonly tokens: Pick<TokenSource, 'accessToken'>;
  readonly memory: Memory;
  readonly sessions: LocalSessions;
}

/**
 * Lets clients begin with what a server said before, while only the user can help: they learn its tools, and the first
 * call is what leads to the sign-in. Then their sessions are tied to the server's own (`Tying`).
 */
export class BeforeSignIn {
  /** What clients without a session were told of each server, by the methods with which they asked. */
  readonly #told = new Map<ServerId, Set<string>>();

  constructor(private readonly parts: BeforeSignInParts) {}

  /**
   * An answer from what is remembered, for a call that no token can be had for now, or that needs no server.
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
    // It is said whenever the session is tied, and may be said once.
    if (local?.beganHere === true && isInitialized(call)) return { status: 202 };
    if (local?.tying !== undefined) return undefined;
    const isOfServer = call.session !== undefined && local === undefined;
    if (isOfServer || (local ?? inquiry) === undefined || call.method === 'GET') return undefined;
    // The server has not heard of it, and is not to open one that is over.
    if (call.method === 'DELETE' && local !== undefined) {
      this.parts.sessions.close(local);
      return { status: 204 };
    }
    if (!(await this.#isWaiting(server))) return undefined;
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
    const isFirstPage = inquiry.params['cursor'] === undefined;
    const before = isFirstPage ? undefined : local?.lists.get(inquiry.method);
    local?.lists.set(inquiry.method, [...(before ?? []), ...itemsOf(inquiry, result)]);
    return { status: 200, body };
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

/** Larger ones say something else. */
const initializedLimitBytes = 1_024;

function isInitialized({ body: { whole } }: Call): boolean {
  if (whole === undefined || whole.length > initializedLimitBytes) return false;
  const message = parseMessages(whole);
  return !Array.isArray(message) && (message as Message | undefined)?.method === 'notifications/initialized';
}

const response = (id: unknown, content: object): string => JSON.stringify({ jsonrpc: '2.0', id, ...content });
