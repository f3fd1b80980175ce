import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Disposable } from '../core/announcer.js';
import { Secret } from '../core/secret.js';
import type { Server, ServerId } from '../core/server.js';
import { Exchange, type ExchangeParts } from './exchange.js';
import { isAdmitted } from './guard.js';
import { Hold, type HoldParts } from './hold.js';
import { listen, type Listener } from './listener.js';
import { Upstream } from './upstream.js';

const capabilityBytes = 32;

/** Where the editor's MCP client reaches a server, and with what. */
export interface Endpoint {
  readonly url: string;
  readonly capability: Secret;
}

export type ProxyParts = Omit<ExchangeParts, 'upstream' | 'hold' | 'heldStreams'> & HoldParts;

interface Route {
  readonly server: Server;
  readonly capability: Secret;
}

/**
 * The way from the editor's MCP clients to the MCP servers: admits callers that hold the capability, puts a fresh
 * token in, and never lets a 401 or 403 through, because the editor would start its own sign-in.
 */
export class McpProxy implements Disposable {
  readonly #routes = new Map<string, Route>();
  readonly #upstream = new Upstream();
  #listener: Listener | undefined;

  readonly #parts: ExchangeParts;

  private constructor(parts: ProxyParts) {
    const [hold, heldStreams] = [new Hold(parts), new Hold(parts)];
    this.#parts = { ...parts, upstream: this.#upstream, hold, heldStreams };
  }

  static async start(parts: ProxyParts): Promise<McpProxy> {
    const proxy = new McpProxy(parts);
    proxy.#listener = await listen((request, response) => void proxy.#handle(request, response));
    return proxy;
  }

  /** Serves exactly `servers` from now on. A server that stays keeps its endpoint, so that its definition does not change. */
  setServers(servers: readonly Server[]): void {
    const before = new Map(this.#routes);
    this.#routes.clear();
    for (const server of servers) {
      const path = pathOf(server.id);
      const present = before.get(path);
      const capability =
        present?.capability ?? new Secret(randomBytes(capabilityBytes).toString('base64url'));
      this.#routes.set(path, { server, capability });
    }
  }

  /** @returns undefined when `id` is not served */
  endpoint(id: ServerId): Endpoint | undefined {
    const path = pathOf(id);
    const route = this.#routes.get(path);
    return route && { url: `http://127.0.0.1:${this.#port}${path}`, capability: route.capability };
  }

  dispose(): void {
    this.#listener?.close(true);
    this.#upstream.close();
  }

  get #port(): number {
    return this.#listener?.port ?? 0;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = this.#routes.get(request.url ?? '');
    if (route === undefined || !isAdmitted(request, { port: this.#port, capability: route.capability })) {
      response.writeHead(404, { connection: 'close' }).end();
      return;
    }
    await new Exchange(this.#parts, route.server, request, response).run();
  }
}

/** A label may hold anything; the path holds letters, digits, `-` and `_`. */
const pathOf = (id: ServerId): string => `/mcp/${Buffer.from(id).toString('base64url')}`;
