import {
  startAuthorizationServer,
  type AuthorizationServerOptions,
  type TestAuthorizationServer,
} from '../support/authorization-server.js';
import { startMcpServer, type TestMcpServer } from '../support/mcp-server.js';
import type { TestUser } from '../support/test-users.js';
import { startEditor, type Editor } from './editor.js';
import type { HostOptions } from './host.js';
import { signInOnPage } from './sign-in-page.js';
import { until } from './until.js';

/** The broker, as the editor names its MCP servers. */
export const brokerId = 'mcp-credential-broker.mcp-credential-broker';

/** A user's situation: a real authorization server, MCP servers behind it, and an editor set up for them. */
export class Ground {
  private constructor(
    readonly issuer: TestAuthorizationServer,
    /** By label, which is the server's own name too. */
    readonly servers: Readonly<Record<string, TestMcpServer>>,
    public editor: Editor,
  ) {}

  /**
   * @param auth - label → the entry's `auth` in the settings; one MCP server is started for each
   */
  static async start(
    auth: Readonly<Record<string, object>>,
    options: { issuer?: AuthorizationServerOptions; editor?: HostOptions } = {},
  ): Promise<Ground> {
    const issuer = await startAuthorizationServer({ accessTokenSeconds: 5, ...options.issuer });
    const servers: Record<string, TestMcpServer> = {};
    for (const name of Object.keys(auth)) {
      servers[name] = await startMcpServer({ issuer: issuer.issuer, name, answers: 'sse' });
    }
    const entries = Object.entries(servers).map(([name, { url }]) => [
      name,
      { type: 'http', url, auth: auth[name] },
    ]);
    const editor = await startEditor({
      ...options.editor,
      settings: { 'mcpCredentials.servers': Object.fromEntries(entries), ...options.editor?.settings },
    });
    return new Ground(issuer, servers, editor);
  }

  server(name: string): TestMcpServer {
    const server = this.servers[name];
    if (server === undefined) throw new Error(`No server ${JSON.stringify(name)} was started.`);
    return server;
  }

  /** Signs in from the palette. @returns what the browser's tab says at the end */
  async signIn(user: TestUser, label?: string): Promise<string> {
    await this.editor.runCommand('MCP Credentials: Sign In…');
    if (label !== undefined) await this.editor.pickQuickPick(label);
    return this.finishSignIn(user);
  }

  /** Goes through the sign-in page that the editor has opened. */
  async finishSignIn(user: TestUser): Promise<string> {
    const page = await this.editor.nextPage();
    const said = await signInOnPage(page, user);
    await page.close();
    return said;
  }

  /** Starts a server in the editor and returns the name of one of its tools. */
  async start(label: string, tool: string): Promise<string> {
    await this.editor.startServer(`${brokerId}/${label}`);
    return this.tool(label, tool);
  }

  /** The name under which the editor offers `tool` of the server `label`. */
  async tool(label: string, tool: string): Promise<string> {
    const name = `mcp_${label}_${tool}`;
    return until(
      `tool ${name}`,
      async () => (await this.editor.tools()).find((each) => each.name === name)?.name,
    );
  }

  async stop(): Promise<void> {
    await this.editor.close();
    for (const server of Object.values(this.servers)) await server.close();
    await this.issuer.close();
  }
}
