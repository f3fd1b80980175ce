/* eslint-disable @typescript-eslint/no-deprecated -- What is deprecated on the newest wire is still spoken on the others. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createMcpHandler,
  WebStandardStreamableHTTPServerTransport,
  type McpHttpHandler,
  type McpServer,
} from '@modelcontextprotocol/server';
import { EventMemory } from './event-memory.js';
import { fullMcpServer, said } from './full-mcp-server.js';
import { sendResponse, webRequest } from './web-request.js';

const parsed = (body: string) => (body === '' ? {} : { parsedBody: JSON.parse(body) as unknown });

/** The full server on the official stateful transport, for one session, of which streams can be taken up again. */
export class StatefulServer {
  /** The answers to GET requests so far. */
  readonly streams = new Set<ServerResponse>();
  #server: McpServer | undefined;
  #transport: WebStandardStreamableHTTPServerTransport | undefined;

  /** @param build - the server, before it is connected */
  constructor(private readonly build: () => McpServer = askingServer) {}

  /** The server, once it was asked for the first time. */
  get server(): McpServer {
    if (this.#server === undefined) throw new Error('Nobody has asked the server yet.');
    return this.#server;
  }

  async handle(req: IncomingMessage, res: ServerResponse, body: string): Promise<void> {
    this.#transport ??= await this.#connect();
    if (req.method === 'GET') this.streams.add(res);
    const answer = await this.#transport.handleRequest(webRequest(req, 'http://localhost'), parsed(body));
    await sendResponse(answer, res);
  }

  async #connect(): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new EventMemory(),
      retryInterval: 10,
    });
    this.#server = this.build();
    await this.#server.connect(transport);
    return transport;
  }
}

/** The full server on the official stateless transport. */
export class StatelessServer {
  readonly handler: McpHttpHandler = createMcpHandler(() => fullMcpServer(), {
    legacy: 'reject',
    keepAliveMs: 0,
  });

  async handle(req: IncomingMessage, res: ServerResponse, body: string): Promise<void> {
    const hasGone = new AbortController();
    res.once('close', () => hasGone.abort());
    const full = new Request(webRequest(req, 'http://localhost'), { signal: hasGone.signal });
    await sendResponse(await this.handler.fetch(full, parsed(body)), res);
  }

  close(): Promise<void> {
    return this.handler.close();
  }
}

/** The full server with a tool that asks back all that a server of the stateful wire may ask. */
function askingServer(): McpServer {
  const server = fullMcpServer();
  server.registerTool('ask', {}, async ({ mcpReq }) => {
    const sampled = await mcpReq.requestSampling({
      messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }],
      maxTokens: 5,
    });
    const elicited = await mcpReq.elicitInput({
      message: 'Who?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    });
    const { roots } = await server.server.listRoots();
    await mcpReq.log('info', 'asked');
    return said(JSON.stringify([sampled.content, elicited.content, roots]));
  });
  return server;
}
