import { randomUUID } from 'node:crypto';
import { type McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { buildMcpServer, type Note } from './mcp-tools.js';

/** One MCP session: who opened it, and everything that was asked on it. */
export interface McpSession {
  readonly id: string;
  /** Whom it belongs to, for as long as it lives. */
  readonly subject: string;
  readonly calls: readonly McpCall[];
}

interface McpCall {
  readonly rpcMethod: string;
  readonly tool: string | undefined;
  readonly subject: string;
  readonly atMs: number;
}

interface LiveSession extends McpSession {
  readonly calls: McpCall[];
  readonly transport: WebStandardStreamableHTTPServerTransport;
}

/** The sessions of one MCP server, those that have ended included. */
export class McpSessions {
  readonly all: McpSession[] = [];
  readonly notes: Note[] = [];
  readonly #live = new Map<string, LiveSession>();
  readonly #answers: 'json' | 'sse';
  readonly #build: () => McpServer;

  constructor(name: string, answers: 'json' | 'sse', build = () => buildMcpServer(name, this.notes)) {
    this.#answers = answers;
    this.#build = build;
  }

  find(id: string): LiveSession | undefined {
    return this.#live.get(id);
  }

  /** A transport that becomes a session of `subject` as soon as it has answered `initialize`. */
  async open(subject: string): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: this.#answers === 'json',
      onsessioninitialized: (id) => {
        const opening: McpCall = { rpcMethod: 'initialize', tool: undefined, subject, atMs: Date.now() };
        const session = { id, subject, calls: [opening] };
        this.#live.set(id, { ...session, transport });
        this.all.push(session);
      },
      onsessionclosed: (id) => void this.#live.delete(id),
    });
    await this.#build().connect(transport);
    return transport;
  }

  /** Ends every session, as a restarted server does: its clients get `404` and have to start over. */
  async end(): Promise<void> {
    const transports = [...this.#live.values()].map(({ transport }) => transport);
    this.#live.clear();
    await Promise.all(transports.map((transport) => transport.close()));
  }
}
