import type { Fault } from './faults.js';
import { listen } from './listener.js';
import { McpEndpoint, type McpRequest, type McpServerOptions } from './mcp-endpoint.js';
import type { McpSession } from './mcp-sessions.js';
import type { Note } from './mcp-tools.js';

/** A real MCP server on loopback that lets nobody in without a token for itself. */
export interface TestMcpServer {
  readonly name: string;
  /** The endpoint, and the resource its tokens are for. */
  readonly url: string;
  readonly port: number;
  /** In the order in which they were opened. */
  readonly sessions: readonly McpSession[];
  /** In the order in which they were answered. */
  readonly requests: readonly McpRequest[];
  readonly notes: readonly Note[];
  /**
   * The next `times` POSTs fail whatever token they bring: with a proper challenge, or with a fault.
   * A client opens its GET stream in its own time, so that one takes no part.
   */
  deny(how: 401 | 403 | 503 | Fault, times?: number): void;
  /** Everybody but this user gets 403 from now on; `undefined` lets everybody in again. */
  acceptOnly(subject: string | undefined): void;
  /** Ends every session: the next request on one gets 404. */
  endSessions(): Promise<void>;
  /** Cuts every connection, and nobody answers any more until `plugIn`. Sessions and what else is known are kept. */
  unplug(): Promise<void>;
  plugIn(): Promise<void>;
  /** Ends every session and cuts every connection. */
  close(): Promise<void>;
}

/** Starts an MCP server that is ready when the promise resolves. Its issuer is first asked when a token arrives. */
export async function startMcpServer(options: McpServerOptions): Promise<TestMcpServer> {
  const listener = await listen(options.host ?? '127.0.0.1', options.port);
  const endpoint = new McpEndpoint(listener.origin, options);
  listener.serve((req, res) => endpoint.answer(req, res));
  return {
    name: options.name,
    url: endpoint.url,
    port: listener.port,
    sessions: endpoint.sessions.all,
    requests: endpoint.requests,
    notes: endpoint.sessions.notes,
    deny: (how, times) => endpoint.deny(how, times),
    acceptOnly: (subject) => {
      endpoint.acceptedSubject = subject;
    },
    endSessions: () => endpoint.sessions.end(),
    unplug: () => listener.close(),
    plugIn: () => listener.reopen(),
    close: async () => {
      await endpoint.sessions.end();
      await listener.close();
    },
  };
}
