import type { IncomingMessage, ServerResponse } from 'node:http';
import type { McpServer } from '@modelcontextprotocol/server';
import { AccessTokenCheck, type Bearer, type TokenRefusal } from './access-token-check.js';
import { applyFault, type Fault, FaultPlan } from './faults.js';
import { readBody } from './listener.js';
import { McpSessions } from './mcp-sessions.js';
import { sendResponse, webRequest } from './web-request.js';

export interface McpServerOptions {
  /** Whose tokens are accepted. */
  readonly issuer: string;
  /** Authorization servers that the metadata names before that one. */
  readonly otherIssuers?: readonly string[];
  /** What the server calls itself; the editor makes its tools' names from it. */
  readonly name: string;
  readonly host?: string;
  readonly port?: number;
  /** What every request needs, `mcp:read` unless told otherwise. */
  readonly requiredScopes?: readonly string[];
  /** What a tool needs beyond that. */
  readonly toolScopes?: Readonly<Record<string, readonly string[]>>;
  /** Whether a request is answered with one JSON document or with an event stream. */
  readonly answers: 'json' | 'sse';
  /** Builds what answers in a session; the usual tools when left out. */
  readonly build?: () => McpServer;
}

export type Refusal =
  | TokenRefusal
  | 'tokenMissing'
  | 'insufficientScope'
  | 'subjectNotAccepted'
  | 'sessionUnknown'
  | 'sessionSubjectChanged'
  | 'denied';

/** One request to the MCP endpoint and its answer, without the token. */
export interface McpRequest {
  readonly method: string;
  readonly rpcMethod: string | undefined;
  readonly tool: string | undefined;
  readonly sessionId: string | undefined;
  readonly subject: string | undefined;
  readonly refusal: Refusal | undefined;
  readonly status: number;
  readonly atMs: number;
  /** Tells connections that are open at one time apart. */
  readonly connection: number | undefined;
}

const mcpPath = '/mcp';
const metadataPath = `/.well-known/oauth-protected-resource${mcpPath}`;

/** What is known about a request while it passes one check after the other. */
interface Exchange {
  readonly req: IncomingMessage;
  readonly atMs: number;
  readonly sessionId: string | undefined;
  readonly body: unknown;
  readonly rpcMethod: string | undefined;
  readonly tool: string | undefined;
  bearer?: Bearer;
}

/** The endpoint itself: what a request must pass, in which order, and what is remembered of it. */
export class McpEndpoint {
  readonly url: string;
  readonly sessions: McpSessions;
  readonly requests: McpRequest[] = [];
  acceptedSubject: string | undefined;
  readonly #origin: string;
  readonly #tokens: AccessTokenCheck;
  readonly #options: McpServerOptions;
  readonly #requiredScopes: readonly string[];
  readonly #faults = new FaultPlan();
  readonly #denials: (401 | 403 | 503)[] = [];

  constructor(origin: string, options: McpServerOptions) {
    this.url = origin + mcpPath;
    this.sessions = new McpSessions(options.name, options.answers, options.build);
    this.#origin = origin;
    this.#tokens = new AccessTokenCheck(options.issuer, this.url);
    this.#options = options;
    this.#requiredScopes = options.requiredScopes ?? ['mcp:read'];
  }

  deny(how: 401 | 403 | 503 | Fault, times = 1): void {
    if (typeof how === 'number') this.#denials.push(...Array<typeof how>(times).fill(how));
    else this.#faults.failNext(mcpPath, how, times);
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname } = new URL(req.url ?? '/', this.#origin);
    if (pathname === metadataPath) return sendResponse(this.#metadata(), res);
    if (pathname !== mcpPath) return sendResponse(new Response(null, { status: 404 }), res);
    const fault = req.method === 'POST' ? this.#faults.take(mcpPath) : undefined;
    if (fault !== undefined && applyFault(fault, req, res)) return;
    const exchange = await readExchange(req);
    const refused = await this.#refuse(exchange);
    const answer = refused?.answer ?? (await this.#pass(exchange));
    this.#remember(exchange, answer.status, refused?.refusal);
    await sendResponse(answer, res);
  }

  /** The checks in their order. The first that finds fault answers. */
  async #refuse(exchange: Exchange): Promise<{ refusal: Refusal; answer: Response } | undefined> {
    const denial = exchange.req.method === 'POST' ? this.#denials.shift() : undefined;
    if (denial !== undefined) return { refusal: 'denied', answer: this.#denied(denial) };

    const [, token] = /^Bearer +(\S+)$/i.exec(exchange.req.headers.authorization ?? '') ?? [];
    if (token === undefined) return { refusal: 'tokenMissing', answer: this.#challenge(401) };
    const bearer = await this.#tokens.judge(token);
    if (bearer === 'issuerUnreachable') return { refusal: bearer, answer: unavailable() };
    if (typeof bearer === 'string') {
      return { refusal: bearer, answer: this.#challenge(401, 'invalid_token') };
    }
    exchange.bearer = bearer;

    const needed = [...this.#requiredScopes, ...(this.#options.toolScopes?.[exchange.tool ?? ''] ?? [])];
    if (!needed.every((scope) => bearer.scopes.includes(scope))) {
      return { refusal: 'insufficientScope', answer: this.#challenge(403, 'insufficient_scope', needed) };
    }
    if (this.acceptedSubject !== undefined && this.acceptedSubject !== bearer.subject) {
      return { refusal: 'subjectNotAccepted', answer: rpcError(403, 'This account has no access.') };
    }
    const { sessionId } = exchange;
    if (sessionId === undefined) return undefined;
    const session = this.sessions.find(sessionId);
    if (session === undefined)
      return { refusal: 'sessionUnknown', answer: rpcError(404, 'Session not found.') };
    if (session.subject !== bearer.subject) {
      return {
        refusal: 'sessionSubjectChanged',
        answer: rpcError(403, 'This session belongs to another account.'),
      };
    }
    return undefined;
  }

  async #pass({ req, sessionId, body, bearer, rpcMethod, tool, atMs }: Exchange): Promise<Response> {
    if (bearer === undefined) throw new Error('A request got past the checks without a token.');
    const { subject, name, email, clientId, scopes, expiresAtSeconds } = bearer;
    const session = sessionId === undefined ? undefined : this.sessions.find(sessionId);
    if (session === undefined && rpcMethod !== 'initialize') return rpcError(400, 'There is no session yet.');
    if (rpcMethod !== undefined) session?.calls.push({ rpcMethod, tool, subject, atMs });
    const transport = session?.transport ?? (await this.sessions.open(subject));
    return transport.handleRequest(webRequest(req, this.#origin), {
      ...(body === undefined ? {} : { parsedBody: body }),
      authInfo: {
        token: '', // Checked; nothing behind this line needs it.
        clientId,
        scopes: [...scopes],
        expiresAt: expiresAtSeconds,
        extra: { subject, name, email },
      },
    });
  }

  #remember(exchange: Exchange, status: number, refusal: Refusal | undefined): void {
    const { req, rpcMethod, tool, sessionId, bearer, atMs } = exchange;
    const subject = bearer?.subject;
    this.requests.push({
      method: req.method ?? '',
      rpcMethod,
      tool,
      sessionId,
      subject,
      refusal,
      status,
      atMs,
      connection: req.socket.remotePort,
    });
  }

  #denied(status: 401 | 403 | 503): Response {
    if (status === 503) return unavailable();
    return this.#challenge(status, status === 401 ? 'invalid_token' : 'insufficient_scope');
  }

  /** RFC 6750 §3 and RFC 9728 §5.1. A request without a token gets no error code. */
  #challenge(status: 401 | 403, error?: string, scopes: readonly string[] = this.#requiredScopes): Response {
    const parameters = [
      ...(error === undefined ? [] : [`error="${error}"`]),
      `resource_metadata="${this.#origin}${metadataPath}"`,
      `scope="${scopes.join(' ')}"`,
    ];
    const headers = { 'www-authenticate': `Bearer ${parameters.join(', ')}` };
    return Response.json({ error: error ?? 'unauthorized' }, { status, headers });
  }

  /** RFC 9728 §2. */
  #metadata(): Response {
    return Response.json({
      resource: this.url,
      resource_name: this.#options.name,
      authorization_servers: [...(this.#options.otherIssuers ?? []), this.#options.issuer],
      scopes_supported: [
        ...new Set([this.#requiredScopes, ...Object.values(this.#options.toolScopes ?? {})].flat()),
      ],
      bearer_methods_supported: ['header'],
    });
  }
}

async function readExchange(req: IncomingMessage): Promise<Exchange> {
  const atMs = Date.now();
  const sessionId = [req.headers['mcp-session-id']].flat()[0];
  const body = parseJson(await readBody(req));
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { name?: unknown } };
  const rpcMethod = typeof method === 'string' ? method : undefined;
  const tool = rpcMethod === 'tools/call' && typeof params?.name === 'string' ? params.name : undefined;
  return { req, atMs, sessionId, body, rpcMethod, tool };
}

/** What is no JSON is left for the transport to complain about. */
function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

const rpcError = (status: number, message: string): Response =>
  Response.json({ jsonrpc: '2.0', id: null, error: { code: -32_000, message } }, { status });

const unavailable = (): Response => new Response(null, { status: 503, headers: { 'retry-after': '1' } });
