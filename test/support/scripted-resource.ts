import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, readBody } from './listener.js';

/** A request as it arrived, with everything that was sent. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

type Handler = (req: IncomingMessage, res: ServerResponse, body: string) => void | Promise<void>;

/**
 * A protected resource that gives the answer no real MCP server gives on request. It publishes metadata, challenges
 * whoever brings no token, and leaves everybody else to the test.
 */
export class ScriptedResource {
  readonly name = 'tickets';
  readonly seen: SeenRequest[] = [];
  /** What becomes of a request with a token. */
  handle: Handler = (_req, res, body) => answerRpc(res, body, {});
  /** The members of the metadata that the test wants to be different. */
  metadata: Record<string, unknown> = {};
  /** Answers for the metadata in the test's own way. */
  answerMetadata: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
  /** What whoever brings no token is told in `WWW-Authenticate`; the usual challenge when undefined. */
  challenge: string | undefined;

  private constructor(
    readonly url: string,
    readonly close: () => Promise<void>,
  ) {}

  static async start(issuer: string, host = '127.0.0.1'): Promise<ScriptedResource> {
    const listener = await listen(host);
    const resource = new ScriptedResource(`${listener.origin}/mcp`, () => listener.close());
    listener.serve((req, res) => resource.#answer(req, res, issuer));
    return resource;
  }

  /** The requests that brought a token. */
  get authorized(): readonly SeenRequest[] {
    return this.seen.filter(({ headers }) => headers.authorization !== undefined);
  }

  async #answer(req: IncomingMessage, res: ServerResponse, issuer: string): Promise<void> {
    const path = req.url ?? '';
    const body = await readBody(req);
    const { method = '', headers, rawHeaders } = req;
    this.seen.push({ method, path, headers, rawHeaders, body });
    const metadataUrl = new URL('/.well-known/oauth-protected-resource/mcp', this.url);
    if (path === metadataUrl.pathname && this.answerMetadata !== undefined) this.answerMetadata(req, res);
    else if (path === metadataUrl.pathname) {
      const metadata = { resource: this.url, authorization_servers: [issuer], ...this.metadata };
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
    } else if (path !== '/mcp' && !path.startsWith('/mcp/')) res.writeHead(404).end();
    else if (headers.authorization === undefined) {
      const usual = `Bearer resource_metadata="${metadataUrl.href}", scope="mcp:read"`;
      res.writeHead(401, { 'www-authenticate': this.challenge ?? usual }).end();
    } else await this.handle(req, res, body);
  }
}

/** Answers a JSON-RPC request with a result. */
export function answerRpc(
  res: ServerResponse,
  body: string,
  result: object,
  headers: Record<string, string | string[]> = {},
): void {
  const { id = null } = JSON.parse(body === '' ? '{}' : body) as { id?: unknown };
  res.writeHead(200, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
}
