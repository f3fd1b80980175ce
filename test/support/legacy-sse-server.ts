import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JSONRPCMessage, McpServer } from '@modelcontextprotocol/server';
import { readBody } from './listener.js';

interface LegacySession {
  readonly stream: ServerResponse;
  readonly hear: (message: JSONRPCMessage) => void;
}

export interface LegacyOptions {
  /** Builds the server of one session. */
  readonly build: () => McpServer;
  /** What the first event says, for a session. */
  readonly endpoint: (session: string) => string;
  /** Where messages are taken, without the session. */
  readonly messagesPath: string;
}

/**
 * The transport before Streamable HTTP, which the official server has left behind, around an official server.
 * @see MCP 2024-11-05, "HTTP with SSE"
 */
export class LegacySseServer {
  readonly #sessions = new Map<string, LegacySession>();

  constructor(private readonly options: LegacyOptions) {}

  get openStreams(): number {
    return this.#sessions.size;
  }

  /** Answers a request with a good token. */
  async handle(req: IncomingMessage, res: ServerResponse, body?: string): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://localhost');
    if (req.method === 'GET') await this.#open(res);
    else if (req.method === 'POST' && url.pathname === this.options.messagesPath) {
      const session = this.#sessions.get(url.searchParams.get('sessionId') ?? '');
      const text = body ?? (await readBody(req));
      res.writeHead(session === undefined ? 404 : 202).end(session === undefined ? '' : 'Accepted');
      session?.hear(JSON.parse(text) as JSONRPCMessage);
    } else res.writeHead(405).end();
  }

  async #open(res: ServerResponse): Promise<void> {
    const id = randomUUID();
    const { build, endpoint } = this.options;
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(`event: endpoint\ndata: ${endpoint(id)}\n\n`);
    const server = build();
    const transport = {
      onmessage: undefined as ((message: JSONRPCMessage) => void) | undefined,
      start: () => Promise.resolve(),
      send: (message: JSONRPCMessage) => {
        res.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
        return Promise.resolve();
      },
      close: () => {
        res.end();
        return Promise.resolve();
      },
    };
    await server.connect(transport);
    this.#sessions.set(id, { stream: res, hear: (message) => transport.onmessage?.(message) });
    res.on('close', () => this.#sessions.delete(id));
  }
}
