import {
  startAuthorizationServer,
  type AuthorizationServerOptions,
  type TestAuthorizationServer,
} from '../support/authorization-server.js';
import type { McpServerOptions } from '../support/mcp-endpoint.js';
import { startMcpServer, type TestMcpServer } from '../support/mcp-server.js';
import { TokenGate } from './token-gate.js';

/** How long the access tokens live, so that a test sees many of them. */
export const tokenMs = 5_000;

/** Whom a user's editor talks to: a real authorization server, and the MCP servers behind it. */
export class Parties {
  private constructor(
    readonly issuer: TestAuthorizationServer,
    readonly gate: TokenGate,
    /** By label, which is the server's own name too. */
    readonly servers: ReadonlyMap<string, TestMcpServer>,
    /** The value of the setting `mcpCredentials.servers`. */
    readonly settings: Readonly<Record<string, object>>,
  ) {}

  /**
   * @param auth - label → the entry's `auth` in the settings; one MCP server is started for each
   * @param ofServers - what is different about all of these
   */
  static async start(
    auth: Readonly<Record<string, object>>,
    options: AuthorizationServerOptions = {},
    ofServers: Partial<McpServerOptions> = {},
  ): Promise<Parties> {
    const gate = new TokenGate();
    const issuer = await startAuthorizationServer({
      accessTokenSeconds: tokenMs / 1_000,
      ...options,
      extraRoutes: (req, res) => gate.route(req, res) || options.extraRoutes?.(req, res) === true,
    });
    const servers = new Map<string, TestMcpServer>();
    const settings: Record<string, object> = {};
    for (const [name, entryAuth] of Object.entries(auth)) {
      const server = await startMcpServer({ issuer: issuer.issuer, name, answers: 'sse', ...ofServers });
      servers.set(name, server);
      settings[name] = { type: 'http', url: server.url, auth: entryAuth };
    }
    return new Parties(issuer, gate, servers, settings);
  }

  server(name: string): TestMcpServer {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`No server ${JSON.stringify(name)} was started.`);
    return server;
  }

  async close(): Promise<void> {
    for (const server of this.servers.values()) await server.close();
    await this.issuer.close();
  }
}
