import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { readBody } from '../listener.js';
import { McpSessions } from '../mcp-sessions.js';
import { buildMcpServer, type Note } from '../mcp-tools.js';
import { sendResponse, webRequest } from '../web-request.js';

/** One request to an MCP server of Google's world and its answer, without the token. */
export interface GoogleMcpRequest {
  readonly method: string;
  readonly rpcMethod: string | undefined;
  readonly tool: string | undefined;
  /** Of whoever the credential speaks for; `undefined` when there was none, or none that counted. */
  readonly email: string | undefined;
  /** Whether an `Authorization` header came with it, good or not. */
  readonly hasCredential: boolean;
  /** The header `x-goog-user-project`. */
  readonly quotaProject: string | undefined;
  readonly status: number;
}

/** Who calls, as the tools want to know. */
export interface Caller {
  readonly subject: string;
  readonly email: string;
  readonly name: string;
}

/** What is known of a request while it is judged. */
export interface GoogleMcpExchange {
  readonly req: IncomingMessage;
  readonly url: URL;
  readonly body: unknown;
  readonly rpcMethod: string | undefined;
  readonly tool: string | undefined;
  readonly bearer: string | undefined;
  readonly quotaProject: string | undefined;
}

/** Whether a request may pass, and as whom; else the answer that turns it away. */
export type Judgement = { readonly caller: Caller | undefined } | { readonly refused: Response };

/** An MCP server at a path, behind whatever judges its requests. */
export class GoogleMcpEndpoint {
  readonly requests: GoogleMcpRequest[] = [];
  readonly notes: Note[];
  readonly #sessions: McpSessions;

  /**
   * @param given.url - of the MCP endpoint
   * @param given.isStateless - without sessions, as Google's own servers are: each request stands for itself
   * @param given.judge - what stands before the server
   */
  constructor(
    private readonly given: {
      readonly url: string;
      readonly name: string;
      readonly isStateless: boolean;
      readonly judge: (exchange: GoogleMcpExchange) => Judgement | Promise<Judgement>;
    },
  ) {
    this.#sessions = new McpSessions(given.name, 'json');
    this.notes = this.#sessions.notes;
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', this.given.url);
    const body = parseJson(await readBody(req));
    const { method, params } = (body ?? {}) as { method?: unknown; params?: { name?: unknown } };
    const rpcMethod = typeof method === 'string' ? method : undefined;
    const exchange = {
      ...{ req, url, body, rpcMethod },
      tool: rpcMethod === 'tools/call' && typeof params?.name === 'string' ? params.name : undefined,
      bearer: /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1],
      quotaProject: [req.headers['x-goog-user-project']].flat()[0],
    };
    const judged = await this.given.judge(exchange);
    const caller = 'caller' in judged ? judged.caller : undefined;
    const answer = 'refused' in judged ? judged.refused : await this.#pass(exchange, caller);
    this.requests.push({
      method: req.method ?? '',
      rpcMethod,
      tool: exchange.tool,
      email: caller?.email,
      hasCredential: req.headers.authorization !== undefined,
      quotaProject: exchange.quotaProject,
      status: answer.status,
    });
    await sendResponse(answer, res);
  }

  async #pass({ req, body }: GoogleMcpExchange, caller: Caller | undefined): Promise<Response> {
    const { url, name, isStateless } = this.given;
    const options = {
      ...(body === undefined ? {} : { parsedBody: body }),
      authInfo: { token: '', clientId: '', scopes: [], extra: { ...caller } },
    };
    const request = webRequest(req, new URL(url).origin);
    if (isStateless) {
      if (req.method !== 'POST') return new Response(null, { status: 405 });
      const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
      await buildMcpServer(name, this.notes).connect(transport);
      return transport.handleRequest(request, options);
    }
    const subject = caller?.subject ?? '';
    const id = request.headers.get('mcp-session-id');
    const session = id === null ? undefined : this.#sessions.find(id);
    if (id !== null && session?.subject !== subject) return new Response(null, { status: 404 });
    const transport = session?.transport ?? (await this.#sessions.open(subject));
    return transport.handleRequest(request, options);
  }

  /** Ends every session: the next request on one gets 404. */
  close(): Promise<void> {
    return this.#sessions.end();
  }
}

/** What is no JSON is left for the transport to complain about. */
function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
