import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { covers } from '../core/address.js';
import type { Disposable } from '../core/announcer.js';
import { BrokerError, canUserHelp, describeError, hasCode } from '../core/errors.js';
import type { Clock, Log } from '../core/ports.js';
import { Secret } from '../core/secret.js';
import type { Server, ServerId } from '../core/server.js';
import type { LentToken, TokenSource } from '../core/token-source.js';
import { failureAnswer } from './answer.js';
import { readBody, type Body } from './body.js';
import { isAdmitted } from './guard.js';
import { forwardedRequestHeaders, forwardedResponseHeaders } from './headers.js';
import { sendLent } from './lent-request.js';
import { listen, type Listener } from './listener.js';
import { Upstream } from './upstream.js';

/** What is kept of a request so that it can be sent again with a newer token. */
const replayLimitBytes = 1_048_576;

const capabilityBytes = 32;

/** Where the editor's MCP client reaches a server, and with what. */
export interface Endpoint {
  readonly url: string;
  readonly capability: Secret;
}

export interface ProxyParts {
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Seconds that a call waits for the user, as configured now. */
  readonly signInWaitSeconds: () => number;
  /** The words in which a failure reaches the model and the user. */
  readonly explain: (error: unknown, server: ServerId) => string;
}

interface Route {
  readonly server: Server;
  readonly capability: Secret;
}

/** One request on its way through. */
interface Call {
  readonly server: Server;
  readonly method: string;
  readonly headers: readonly string[];
  readonly session: string | undefined;
  readonly body: Body;
  /** Aborts when the caller hangs up. */
  readonly gone: AbortSignal;
}

/**
 * The way from the editor's MCP clients to the MCP servers: admits callers that hold the capability, puts a fresh
 * token in, and never lets a 401 or 403 through, because the editor would start its own sign-in.
 */
export class McpProxy implements Disposable {
  readonly #routes = new Map<string, Route>();
  readonly #upstream = new Upstream();
  #listener: Listener | undefined;

  private constructor(private readonly parts: ProxyParts) {}

  static async start(parts: ProxyParts): Promise<McpProxy> {
    const proxy = new McpProxy(parts);
    proxy.#listener = await listen((request, response) => void proxy.#handle(request, response));
    return proxy;
  }

  /** Serves exactly `servers` from now on. A server that stays keeps its endpoint, so that its definition does not change. */
  setServers(servers: readonly Server[]): void {
    const before = new Map(this.#routes);
    this.#routes.clear();
    for (const server of servers) {
      const path = pathOf(server.id);
      const present = before.get(path);
      const capability =
        present?.capability ?? new Secret(randomBytes(capabilityBytes).toString('base64url'));
      this.#routes.set(path, { server, capability });
    }
  }

  /** @returns undefined when `id` is not served */
  endpoint(id: ServerId): Endpoint | undefined {
    const path = pathOf(id);
    const route = this.#routes.get(path);
    return route && { url: `http://127.0.0.1:${this.#port}${path}`, capability: route.capability };
  }

  dispose(): void {
    this.#listener?.close(true);
    this.#upstream.close();
  }

  get #port(): number {
    return this.#listener?.port ?? 0;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = this.#routes.get(request.url ?? '');
    if (route === undefined || !isAdmitted(request, { port: this.#port, capability: route.capability })) {
      response.writeHead(404, { connection: 'close' }).end();
      return;
    }
    const hungUp = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) hungUp.abort(new Error('The caller hung up.'));
    });
    const { method = '', rawHeaders, headers } = request;
    let body: Body | undefined;
    try {
      body = await readBody(request, replayLimitBytes);
      const session = single(headers['mcp-session-id']);
      const call = {
        server: route.server,
        method,
        headers: forwardedRequestHeaders(rawHeaders),
        session,
        body,
      };
      await this.#forward({ ...call, gone: hungUp.signal }, response);
    } catch (error) {
      if (hungUp.signal.aborted) return;
      this.#fail(response, route.server.id, method, body?.whole, error);
    }
  }

  async #forward(call: Call, response: ServerResponse): Promise<void> {
    let lent = await this.#token(call);
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
    this.#requirePassable(answer, lent);
    this.#noteSession(call, answer, lent);
    response.writeHead(answer.statusCode ?? 502, forwardedResponseHeaders(answer.rawHeaders));
    // A stream may be silent for long; any other body goes out together with its headers.
    if (isEventStream(answer)) response.flushHeaders();
    answer.on('error', (error) => {
      if (!call.gone.aborted) this.parts.log.debug(`An answer broke off: ${describeError(error)}`);
      response.destroy();
    });
    answer.pipe(response);
  }

  /** A token for `call`, newer than `refused` when given; waits for the user when only the user can help. */
  async #token(call: Call, refused?: LentToken): Promise<LentToken> {
    const { tokens } = this.parts;
    const { server, session } = call;
    try {
      return await (refused === undefined
        ? tokens.accessToken(server.id, session)
        : tokens.newerToken(server.id, session, refused));
    } catch (error) {
      // Nobody is asked to sign in so that a session can end: the editor ends those of a server that was signed out.
      const canWait = call.method !== 'DELETE' && canUserHelp(error);
      if (!canWait) throw error;
      await this.#waitForSignIn(call, error);
    }
    return tokens.accessToken(server.id, session);
  }

  #waitForSignIn(call: Call, because: BrokerError): Promise<void> {
    return this.#withinPatience(call, because, (signal) =>
      this.parts.tokens.signedIn(call.server.id, signal),
    );
  }

  /** A token that may do what the server has just found `lent` too narrow for. */
  #wider(call: Call, lent: LentToken, challenges: readonly string[]): Promise<LentToken> {
    const { server, session } = call;
    const because = new BrokerError('scope_required', 'The server wants more permissions.', {
      details: { account: lent.account.label },
    });
    return this.#withinPatience(call, because, (signal) =>
      this.parts.tokens.widerToken(server.id, session, lent, challenges, signal),
    );
  }

  /** Waits for what needs the user, as long as a caller can be kept waiting; then `because` is what it is told. */
  async #withinPatience<T>(
    { gone }: Call,
    because: BrokerError,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, signInWaitSeconds } = this.parts;
    const limit = new AbortController();
    const timer = clock.after(signInWaitSeconds() * 1000, () => limit.abort(because));
    try {
      return await work(AbortSignal.any([gone, limit.signal]));
    } finally {
      timer.dispose();
    }
  }

  async #send({ server, method, headers, body, gone }: Call, lent: LentToken): Promise<IncomingMessage> {
    const { resource } = lent;
    // The settings may have changed while the call waited; a token for the new address is not for the old one.
    if (!covers(resource, server.url)) {
      throw new BrokerError('resource_mismatch', 'The token is for another address than the call.', {
        details: { server: server.url, resource: JSON.stringify(resource) },
      });
    }
    return sendLent(this.#upstream, { url: new URL(server.url), method, headers, body, signal: gone }, lent);
  }

  #requirePassable(answer: IncomingMessage, { account }: LentToken): void {
    const { statusCode: status = 502 } = answer;
    const isRedirect = status >= 300 && status < 400 && status !== 304;
    if (status !== 401 && status !== 403 && !isRedirect) return;
    answer.resume();
    const details = { account: account.label };
    if (status === 401)
      throw new BrokerError('token_rejected', 'The server refuses a new token.', { details });
    if (status === 403)
      throw new BrokerError('access_forbidden', 'The server forbids the request.', { details });
    throw new BrokerError('redirect_refused', 'The server redirects.', {
      details: { location: JSON.stringify(answer.headers.location ?? '') },
    });
  }

  #noteSession({ server, method, session }: Call, answer: IncomingMessage, lent: LentToken): void {
    const opened = single(answer.headers['mcp-session-id']);
    if (session === undefined && opened !== undefined)
      this.parts.tokens.sessionOpened(server.id, opened, lent);
    const isOver = answer.statusCode === 404 || (method === 'DELETE' && (answer.statusCode ?? 500) < 300);
    if (session !== undefined && isOver) this.parts.tokens.sessionClosed(server.id, session);
  }

  #fail(
    response: ServerResponse,
    server: ServerId,
    method: string,
    body: Buffer | undefined,
    error: unknown,
  ): void {
    const { log, explain } = this.parts;
    const text = `A request to ${JSON.stringify(server)} ends here: ${describeError(error)}`;
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
    const answer = failureAnswer(method, body, explain(error, server), code);
    const headers = answer.body === undefined ? {} : { 'content-type': 'application/json' };
    response.writeHead(answer.status, headers).end(answer.body);
  }
}

/** A label may hold anything; the path holds letters, digits, `-` and `_`. */
const pathOf = (id: ServerId): string => `/mcp/${Buffer.from(id).toString('base64url')}`;

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

const isEventStream = ({ headers }: IncomingMessage): boolean =>
  headers['content-type']?.startsWith('text/event-stream') === true;

const tooLargeToRepeat = (): BrokerError =>
  new BrokerError('token_rejected', 'The request is too large to be repeated with a newer token.', {
    details: { limitBytes: replayLimitBytes },
  });
