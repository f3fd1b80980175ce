import type { IncomingMessage, ServerResponse } from 'node:http';
import { covers } from '../core/address.js';
import type { Audit } from '../core/audit.js';
import { BrokerError, canUserHelp, describeError, hasCode } from '../core/errors.js';
import type { Clock, Log } from '../core/ports.js';
import type { AskAboutCall } from '../core/rule.js';
import type { Server, ServerId } from '../core/server.js';
import type { LentToken, TokenSource } from '../core/token-source.js';
import { failureAnswer } from './answer.js';
import { readBody, type Body } from './body.js';
import { hidesAnything, hidingFilter } from './hidden.js';
import { forwardedRequestHeaders, forwardedResponseHeaders, withoutHeader } from './headers.js';
import { sendLent } from './lent-request.js';
import { conditionsOf, permit, type Conditions } from './rule-pass.js';
import type { Upstream } from './upstream.js';

/** What is kept of a request so that it can be sent again with a newer token. */
const replayLimitBytes = 1_048_576;

export interface ExchangeParts {
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** For rules that want the user to be asked about a call. */
  readonly ask: AskAboutCall;
  /** Seconds that a call waits for the user, as configured now. */
  readonly signInWaitSeconds: () => number;
  /** The words in which a failure reaches the model and the user. */
  readonly explain: (error: unknown, server: ServerId) => string;
  readonly upstream: Upstream;
}

/** One request on its way through. */
interface Call {
  readonly method: string;
  readonly headers: readonly string[];
  readonly session: string | undefined;
  readonly body: Body;
  /** What the rules want of it; missing when there are none. */
  readonly conditions: Conditions | undefined;
}

/** One request of an admitted caller, and its answer: a list of passes, whose order is that of `run`. */
export class Exchange {
  readonly #hungUp = new AbortController();
  /** Aborts when the caller hangs up. */
  readonly #gone = this.#hungUp.signal;

  constructor(
    private readonly parts: ExchangeParts,
    private readonly server: Server,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {
    response.on('close', () => {
      if (!response.writableFinished) this.#hungUp.abort(new Error('The caller hung up.'));
    });
  }

  /** Resolves when the answer has begun, or will not come; never rejects. */
  async run(): Promise<void> {
    const { method = '', rawHeaders, headers } = this.request;
    let body: Body | undefined;
    try {
      body = await readBody(this.request, replayLimitBytes);
      const conditions = conditionsOf(this.server, headers, body.whole, this.parts.audit);
      const session = single(headers['mcp-session-id']);
      const forwarded = forwardedRequestHeaders(rawHeaders);
      const isRead = conditions !== undefined && hidesAnything(conditions.rules);
      const call = {
        method,
        headers: isRead ? withoutHeader(forwarded, 'accept-encoding') : forwarded,
        session,
        body,
        conditions,
      };
      const { answer, lent } = await this.#answered(call);
      requirePassable(answer, lent);
      this.#noteSession(call, answer, lent);
      this.#handOn(call, answer);
    } catch (error) {
      if (this.#gone.aborted) return;
      this.#fail(method, body?.whole, error);
    }
  }

  /** What the server says to `call`, asked again with the token that it wants, and the token that it took. */
  async #answered(call: Call): Promise<{ answer: IncomingMessage; lent: LentToken }> {
    let lent = await this.#permitted(call, await this.#token(call));
    let answer = await this.#send(call, lent);
    if (answer.statusCode === 401) {
      answer.resume();
      lent = await this.#token(call, lent);
      if (call.body.whole === undefined) throw tooLargeToRepeat();
      answer = await this.#send(call, lent);
    }
    if (answer.statusCode === 403 && call.method === 'POST' && call.body.whole !== undefined) {
      answer.resume();
      lent = await this.#wider(call, lent, answer.headersDistinct['www-authenticate'] ?? []);
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
      wider: (narrow, challenges) => this.#wider(call, narrow, challenges),
      withinPatience: (...wait) => this.#withinPatience(...wait),
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
      const canWait = call.method !== 'DELETE' && canUserHelp(error);
      if (!canWait) throw error;
      await this.#withinPatience(error, (signal) => tokens.signedIn(id, signal));
    }
    return tokens.accessToken(id, session);
  }

  /** A token that may do what the server has just found `lent` too narrow for. */
  #wider({ session }: Call, lent: LentToken, challenges: readonly string[]): Promise<LentToken> {
    const because = new BrokerError('scope_required', 'The server wants more permissions.', {
      details: { account: lent.account.label },
    });
    return this.#withinPatience(because, (signal) =>
      this.parts.tokens.widerToken(this.server.id, session, lent, challenges, signal),
    );
  }

  /** Waits for what needs the user, as long as a caller can be kept waiting; then `because` is what it is told. */
  async #withinPatience<T>(because: BrokerError, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, signInWaitSeconds } = this.parts;
    const limit = new AbortController();
    const timer = clock.after(signInWaitSeconds() * 1000, () => limit.abort(because));
    try {
      return await work(AbortSignal.any([this.#gone, limit.signal]));
    } finally {
      timer.dispose();
    }
  }

  async #send({ method, headers, body }: Call, lent: LentToken): Promise<IncomingMessage> {
    const { url } = this.server;
    const { resource } = lent;
    // The settings may have changed while the call waited; a token for the new address is not for the old one.
    if (!covers(resource, url)) {
      throw new BrokerError('resource_mismatch', 'The token is for another address than the call.', {
        details: { server: url, resource: JSON.stringify(resource) },
      });
    }
    const { upstream } = this.parts;
    return sendLent(upstream, { url: new URL(url), method, headers, body, signal: this.#gone }, lent);
  }

  #noteSession({ method, session }: Call, answer: IncomingMessage, lent: LentToken): void {
    const { tokens } = this.parts;
    const opened = single(answer.headers['mcp-session-id']);
    if (session === undefined && opened !== undefined) tokens.sessionOpened(this.server.id, opened, lent);
    const isOver = answer.statusCode === 404 || (method === 'DELETE' && (answer.statusCode ?? 500) < 300);
    if (session !== undefined && isOver) tokens.sessionClosed(this.server.id, session);
  }

  #handOn({ conditions }: Call, answer: IncomingMessage): void {
    const { response } = this;
    const headers = forwardedResponseHeaders(answer.rawHeaders);
    const hiding =
      conditions && hidingFilter(conditions.rules, conditions.lists, answer.headers['content-type']);
    const shown = hiding === undefined ? headers : withoutHeader(headers, 'content-length');
    response.writeHead(answer.statusCode ?? 502, shown);
    // A stream may be silent for long; any other body goes out together with its headers.
    if (isEventStream(answer)) response.flushHeaders();
    answer.on('error', (error) => {
      if (!this.#gone.aborted) this.parts.log.debug(`An answer broke off: ${describeError(error)}`);
      response.destroy();
    });
    (hiding === undefined ? answer : answer.pipe(hiding)).pipe(response);
  }

  #fail(method: string, body: Buffer | undefined, error: unknown): void {
    const { log, explain } = this.parts;
    const { response, server } = this;
    const text = `A request to ${JSON.stringify(server.id)} ends here: ${describeError(error)}`;
    // The editor ends a session after a sign-out, when there is no token to end it with; that is no trouble.
    if (method === 'DELETE') log.debug(text);
    else log.warn(text);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (hasCode(error, 'session_account_changed')) {
      // MCP, "Session Management": a client that gets 404 for its session opens a new one.
      response.writeHead(404).end();
      return;
    }
    const code = error instanceof BrokerError ? error.code : 'internal';
    const answer = failureAnswer(method, body, explain(error, server.id), code);
    const headers = answer.body === undefined ? {} : { 'content-type': 'application/json' };
    response.writeHead(answer.status, headers).end(answer.body);
  }
}

function requirePassable(answer: IncomingMessage, { account }: LentToken): void {
  const { statusCode: status = 502 } = answer;
  const isRedirect = status >= 300 && status < 400 && status !== 304;
  if (status !== 401 && status !== 403 && !isRedirect) return;
  answer.resume();
  const details = { account: account.label };
  if (status === 401) throw new BrokerError('token_rejected', 'The server refuses a new token.', { details });
  if (status === 403)
    throw new BrokerError('access_forbidden', 'The server forbids the request.', { details });
  throw new BrokerError('redirect_refused', 'The server redirects.', {
    details: { location: JSON.stringify(answer.headers.location ?? '') },
  });
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

const isEventStream = ({ headers }: IncomingMessage): boolean =>
  headers['content-type']?.startsWith('text/event-stream') === true;

const tooLargeToRepeat = (): BrokerError =>
  new BrokerError('token_rejected', 'The request is too large to be repeated with a newer token.', {
    details: { limitBytes: replayLimitBytes },
  });
