import { type CloudRunOptions, cloudRunServer } from './cloud-run-server.js';
import type { GoogleMcpEndpoint } from './google-mcp.js';
import { type GoogleOptions, startGoogle, type TestGoogle } from './google-server.js';
import { hostedServer, type HostedServerOptions } from './hosted-server.js';
import { listen } from '../listener.js';
import { workspaceServer, type WorkspaceServerOptions } from './workspace-server.js';

/** A server of Google's world on loopback. */
export type StartedMcpServer = GoogleMcpEndpoint & { readonly url: string };

/** Google and the MCP servers that live on its accounts, all on loopback. */
export class GoogleParties {
  readonly #closing: (() => Promise<void>)[] = [];

  private constructor(readonly google: TestGoogle) {
    this.#closing.push(() => google.close());
  }

  static async start(options: GoogleOptions = {}): Promise<GoogleParties> {
    return new GoogleParties(await startGoogle(options));
  }

  hosted(options: Omit<HostedServerOptions, 'url'> & { readonly path?: string }): Promise<StartedMcpServer> {
    const { path = '/mcp/v1', ...rest } = options;
    return this.#start(path, (url) => hostedServer(this.google, { url, ...rest }));
  }

  cloudRun(options: Omit<CloudRunOptions, 'url'>): Promise<StartedMcpServer> {
    return this.#start('/mcp', (url) => cloudRunServer(this.google, { url, ...options }));
  }

  workspace(options: Omit<WorkspaceServerOptions, 'url'>): Promise<StartedMcpServer> {
    return this.#start('/mcp', (url) => workspaceServer(this.google, { url, ...options }));
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }

  async #start(path: string, build: (url: string) => GoogleMcpEndpoint): Promise<StartedMcpServer> {
    const listener = await listen('127.0.0.1');
    const url = listener.origin + path;
    const endpoint = build(url);
    listener.serve((req, res) => endpoint.answer(req, res));
    this.#closing.push(async () => {
      await endpoint.close();
      await listener.close();
    });
    return Object.assign(endpoint, { url });
  }
}
