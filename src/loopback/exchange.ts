import type { IncomingMessage, ServerResponse } from 'node:http';
import { covers } from '../core/address.js';
import type { Disposable } from '../core/announcer.js';
import type { Audit } from '../core/audit.js';
import { BrokerError, canUserHelp, describeError, hasCode } from '../core/errors.js';
import type { Clock, Log } from '../core/ports.js';
import type { AskAboutCall } from '../core/rule.js';
import type { Server, ServerId } from '../core/server.js';
import type { LentToken, TokenSource } from '../core/token-source.js';
import { failureAnswer, isRpcResponse } from './answer.js';
import { readBody, type Body } from './body.js';
import { forwardedRequestHeaders } from './headers.js';
import { hidesAnything, hidingFilter } from './hidden.js';
import type { Hold } from './hold.js';
import { sendLent } from './lent-request.js';
import { findId, isRequest, parseMessages, type Message } from './message.js';
import { quotedReason, readShort } from './refusal.js';
import { isEventStream, Reply } from './reply.js';
import { conditionsOf, permit, type Conditions } from './rule-pass.js';
import type { Upstream } from './upstream.js';

/** What is kept of a request so that it can be sent again with a newer token. */
const replayLimitBytes = 1_048_576;

/** How long the rest of a large request is waited for, to find its id. */
const edgesPatienceMs = 5_000;

/** A server that is restarted is back within seconds; one that stays away is asked now and then. */
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

export interface ExchangeParts {
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** For rules that want the user to be asked about a call. */
  readonly ask: AskAboutCall;
  /** The words in which a failure reaches the model and the user. */
  readonly explain: (error: unknown, server: ServerId) => string;
  readonly upstream: Upstream;
  /** The calls of this window that wait for the user. */
  readonly hold: Hold;
  /** Likewise its streams, which are no calls and take no place of theirs. */
  readonly heldStreams: Hold;
}

/** One request on its way through. */
interface Call {
  readonly headers: readonly string[];
  readonly session: string | undefined;
  readonly body: Body;
  /** What the rules want of it; missing when there are none. */
  readonly conditions: Conditions | undefined;
}

/** What the server says, and the token that it took. */
interface Answered {
  readonly answer: IncomingMessage;
  readonly lent: LentToken;
}

/** One request of an admitted caller, and its answer: a list of passes, whose order is that of `run`. */
export class Exchange {
  readonly #reply: Reply;
  readonly #gone: AbortSignal;
  readonly #method: string;

  constructor(
    private readonly parts: ExchangeParts,
    private readonly server: Server,
    private readonly request: IncomingMessage,
    response: ServerResponse,
  ) {
    const { clock, log } = parts;
    this.#method = request.method ?? '';
    this.#reply = new Reply(response, request.headers.accept, clock, log);
    this.#gone = this.#reply.gone;
  }

  /** Resolves when the answer has begun, or will not come; never rejects. */
  async run(): Promise<void> {
    const { rawHeaders, headers } = this.request;
    let body: Body | undefined;
    try {
      body = await readBody(this.request, replayLimitBytes);
      const conditions = conditionsOf(this.server, headers, body.whole, this.parts.audit);
      const session = single(headers['mcp-session-id']);
      const call = { headers: forwardedRequestHeaders(rawHeaders), session, body, conditions };
      const { answer, lent } = await (this.#isBackChannel ? this.#stream(call) : this.#answered(call));
      await this.#requirePassable(answer, lent);
      this.#noteSession(call, answer, lent);
      this.#reply.handOn(answer, conditions && hidingFilter(conditions, answer.headers['content-type']));
    } catch (error) {
      if (this.#gone.aborted) return;
      await this.#fail(body, error);
    }
  }

  /** Answers with `error`, in the form that fits the request. Never rejects. */
  async refuse(error: BrokerError): Promise<void> {
    try {
      await this.#fail(await readBody(this.request, replayLimitBytes), error);
    } catch (failure) {
      this.parts.log.debug(`A refused request ended: ${describeError(failure)}`);
    }
  }

  /** On which a server speaks first; a client that is refused it once does without it from then on. */
  get #isBackChannel(): boolean {
    return this.#method === 'GET' && this.#reply.acceptsStream;
  }

  /** The server's stream as soon as it can be had; the client's own is held open until then. */
  async #stream(call: Call): Promise<Answered> {
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(2 * delayMs, longestRetryMs)) {
      try {
        return await this.#answered(call);
      } catch (error) {
        if (this.#gone.aborted || !isPassing(error)) throw error;
        this.parts.log.debug(`A stream of ${JSON.stringify(this.server.id)} waits: ${describeError(error)}`);
        this.#reply.keepAlive();
        await this.#pause(delayMs);
      }
    }
  }

  /** What the server says to `call`, asked again with the token that it wants, and the token that it took. */
  async #answered(call: Call): Promise<Answered> {
    let lent = await this.#permitted(call, await this.#token(call));
    let answer = await this.#send(call, lent);
    if (answer.statusCode === 401) {
      answer.resume();
      lent = await this.#token(call, lent);
      if (call.body.whole === undefined) throw tooLargeToRepeat();
      answer = await this.#send(call, lent);
    }
    if (answer.statusCode === 403 && this.#method === 'POST' && call.body.whole !== undefined) {
      lent = await this.#wider(call, lent, answer);
      answer = await this.#send(call, lent);
    }
    return { answer, lent };
  }

  /** The token for a call of which the rules say that it may be sent. */
  async #permitted(call: Call, lent: LentToken): Promise<LentToken> {
    const { conditions } = call;
    if (conditions === undefined) return lent;
    return permit(this.server, conditions, lent, {
      ...this.parts,
      token: () => this.#token(call),
      wider: (narrow, challenges) => this.#widened(call, narrow, challenges),
      waitForUser: (...wait) => this.#held(call, ...wait),
    });
  }

  /** A token for `call`, newer than `refused` when given; waits for the user when only the user can help. */
  async #token(call: Call, refused?: LentToken): Promise<LentToken> {
    const { tokens } = this.parts;
    const { id } = this.server;
    const { session } = call;
    try {
      return await (refused === undefined
        ? tokens.accessToken(id, session)
        : tokens.newerToken(id, session, refused));
    } catch (error) {
      // Nobody is asked to sign in so that a session can end: the editor ends those of a server that was signed out.
      const canWait = this.#method !== 'DELETE' && canUserHelp(error);
      if (!canWait) throw error;
      await this.#held(call, error, (signal) =>
        tokens.signedIn(id, signal, this.#isBackChannel ? 'quietly' : undefined),
      );
    }
    return tokens.accessToken(id, session);
  }

  /** A token that may do what the server has just found `lent` too narrow for. */
  async #wider(call: Call, lent: LentToken, refusal: IncomingMessage): Promise<LentToken> {
    const { clock } = this.parts;
    const challenges = refusal.headersDistinct['www-authenticate'] ?? [];
    const reason = quotedReason(refusal, await readShort(refusal, clock), lent.token.reveal());
    try {
      return await this.#widened(call, lent, challenges);
    } catch (error) {
      if (reason === undefined || !hasCode(error, 'access_forbidden')) throw error;
      throw new BrokerError(error.code, error.message, {
        cause: error,
        details: { ...error.details, reason },
      });
    }
  }

  #widened(call: Call, lent: LentToken, challenges: readonly string[]): Promise<LentToken> {
    const because = new BrokerError('scope_required', 'The server wants more permissions.', {
      details: { account: lent.account.label },
    });
    return this.#held(call, because, (signal) =>
      this.parts.tokens.widerToken(this.server.id, call.session, lent, challenges, signal),
    );
  }

  /** Waits for what needs the user; the caller hears of us meanwhile, if it takes a stream. */
  async #held<T>(
    { body }: Call,
    because: BrokerError,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { hold, heldStreams } = this.parts;
    const isKeptAlive = this.#isBackChannel || (this.#reply.acceptsStream && mayBecomeStream(body));
    if (isKeptAlive) this.#reply.keepAlive();
    if (this.#isBackChannel) return heldStreams.wait(because, 'endless', this.#gone, work);
    return hold.wait(because, isKeptAlive ? 'kept-alive' : 'silent', this.#gone, work);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.parts.clock.after(delayMs, () => {
        this.#gone.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = () => {
        timer.dispose();
        reject(this.#gone.reason as Error);
      };
      this.#gone.addEventListener('abort', onAbort, { once: true });
    });
  }

  async #send({ headers, body, conditions }: Call, lent: LentToken): Promise<IncomingMessage> {
    const { url } = this.server;
    const { resource } = lent;
    // The settings may have changed while the call waited; a token for the new address is not for the old one.
    if (!covers(resource, url)) {
      throw new BrokerError('resource_mismatch', 'The token is for another address than the call.', {
        details: { server: url, resource: JSON.stringify(resource) },
      });
    }
    const { upstream } = this.parts;
    // What goes into a stream of ours, or is looked at by us, must be readable.
    const isPlain = this.#reply.hasBegun || (conditions !== undefined && hidesAnything(conditions.rules));
    const request = {
      url: new URL(url),
      method: this.#method,
      headers: isPlain ? withoutEncodings(headers) : headers,
      body,
      signal: this.#gone,
    };
    return sendLent(upstream, request, lent);
  }

  #noteSession({ session }: Call, answer: IncomingMessage, lent: LentToken): void {
    const { tokens } = this.parts;
    const opened = single(answer.headers['mcp-session-id']);
    if (session === undefined && opened !== undefined) tokens.sessionOpened(this.server.id, opened, lent);
    const isOver =
      answer.statusCode === 404 || (this.#method === 'DELETE' && (answer.statusCode ?? 500) < 300);
    if (session !== undefined && isOver) tokens.sessionClosed(this.server.id, session);
  }

  /** @throws BrokerError for an answer that the caller must not or cannot get */
  async #requirePassable(answer: IncomingMessage, { account, token }: LentToken): Promise<void> {
    const { statusCode: status = 502 } = answer;
    const details = { account: account.label };
    if (status === 401) {
      answer.resume();
      throw new BrokerError('token_rejected', 'The server refuses a new token.', { details });
    }
    if (status === 403) {
      const reason = quotedReason(answer, await readShort(answer, this.parts.clock), token.reveal());
      throw new BrokerError('access_forbidden', 'The server forbids the request.', {
        details: { ...details, ...(reason !== undefined && { reason }) },
      });
    }
    if (status >= 300 && status < 400 && status !== 304) {
      answer.resume();
      throw new BrokerError('redirect_refused', 'The server redirects.', {
        details: { location: JSON.stringify(answer.headers.location ?? '') },
      });
    }
    if (!this.#reply.hasBegun || isContent(answer)) return;
    if (this.#isBackChannel) {
      // The client asks again at once, and then hears the status itself.
      answer.resume();
      throw new BrokerError('server_failed', 'There is no stream.', { details: { status } });
    }
    const body = await readShort(answer, this.parts.clock);
    if (isRpcResponse(body)) throw new AnsweredInError(body);
    throw new BrokerError('server_failed', `The server answers with ${status}.`, { details: { status } });
  }

  async #fail(body: Body | undefined, error: unknown): Promise<void> {
    const { log, explain } = this.parts;
    if (error instanceof AnsweredInError) {
      this.#reply.say({ status: 200, body: error.body });
      return;
    }
    const text = `A request to ${JSON.stringify(this.server.id)} ends here: ${describeError(error)}`;
    // The editor ends a session after a sign-out, when there is no token to end it with; that is no trouble.
    if (this.#method === 'DELETE' || this.#isBackChannel) log.debug(text);
    else log.warn(text);
    if (this.#reply.isGiven) {
      this.#reply.breakOff();
      return;
    }
    if (this.#isBackChannel && this.#reply.hasBegun) {
      this.#reply.say({ status: 200 });
      return;
    }
    if (hasCode(error, 'session_account_changed') && !this.#reply.hasBegun) {
      // MCP, "Session Management": a client that gets 404 for its session opens a new one.
      this.#reply.say({ status: 404 });
      return;
    }
    const code = error instanceof BrokerError ? error.code : 'internal';
    const words = explain(error, this.server.id);
    const id = body === undefined || body.whole !== undefined ? undefined : await this.#idOf(body);
    this.#reply.say(failureAnswer(this.#method, body?.whole, words, code, id));
  }

  /** The id of a request that went past; not waited for long, since what is left of it may be endless. */
  async #idOf(body: Body): Promise<string | number | undefined> {
    let timer: Disposable | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = this.parts.clock.after(edgesPatienceMs, () => resolve(undefined));
    });
    const edges = await Promise.race([body.edges(), late]);
    timer?.dispose();
    return edges && findId(edges.head, edges.tail);
  }
}

/** A response to the call that came with a status of its own, which there is no place for any more. */
class AnsweredInError extends Error {
  constructor(readonly body: string) {
    super('The answer is in the error.');
  }
}

/** Whether a stream may wait for what stands against it now. */
const isPassing = (error: unknown): boolean =>
  canUserHelp(error) ||
  hasCode(
    error,
    'server_unreachable',
    'issuer_unreachable',
    'network_down',
    'tls_untrusted',
    'refresh_queue_full',
    'renewed_elsewhere',
    'too_many_attempts',
  );

/**
 * Whether the answer to a call may begin before the server has said anything: only a request is answered by a stream,
 * and `initialize` by a header too, which names the session.
 */
function mayBecomeStream({ whole }: Body): boolean {
  const message = whole && parseMessages(whole);
  if (message === undefined) return false;
  const messages = [message].flat() as readonly Message[];
  return messages.some(isRequest) && !messages.some(({ method }) => method === 'initialize');
}

const isContent = (answer: IncomingMessage): boolean =>
  answer.statusCode === 200 &&
  (isEventStream(answer) || answer.headers['content-type']?.startsWith('application/json') === true);

const withoutEncodings = (headers: readonly string[]): string[] =>
  headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'accept-encoding');

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

const tooLargeToRepeat = (): BrokerError =>
  new BrokerError('token_rejected', 'The request is too large to be repeated with a newer token.', {
    details: { limitBytes: replayLimitBytes },
  });
