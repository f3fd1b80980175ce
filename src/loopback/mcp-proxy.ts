import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Disposable } from '../core/announcer.js';
import { BrokerError } from '../core/errors.js';
import type { SocketPlace } from '../core/ports.js';
import { Secret } from '../core/secret.js';
import type { Server, ServerId } from '../core/server.js';
import type { ServerMemory } from '../core/server-memory.js';
import { Exchange, type ExchangeParts } from './exchange.js';
import { BeforeSignIn } from './sessions/before-sign-in.js';
import { stampOfCapability, isAdmitted } from './http/guard.js';
import { Hold, type HoldParts } from './calls/hold.js';
import { WaitingCalls } from './calls/waiting-calls.js';
import { LegacyEndpoints } from './legacy/legacy-sse.js';
import { listen, listenOnSocket, type Handle, type Listener, type Welcome } from './http/listener.js';
import { LocalSessions } from './sessions/local-sessions.js';
import { Memory } from './sessions/memory.js';
import { ProtocolVersions } from './messages/protocol-versions.js';
import { Tying } from './sessions/tying.js';
import { Upstream } from './http/upstream.js';

const capabilityBytes = 32;

/** Agents run some dozens of calls side by side. Each of these takes two of the process's files and a little memory. */
const callLimit = 512;

/** Where the editor's MCP client reaches a server, and with what. */
export interface Endpoint {
  readonly url: string;
  readonly capability: Secret;
}

export interface ProxyParts
  extends
    HoldParts,
    Pick<ExchangeParts, 'tokens' | 'log' | 'explain' | 'audit' | 'ask' | 'replayLimitBytes'> {
  /** What servers said when they were reached last. */
  readonly serverMemory: ServerMemory;
  /** Where to listen, when not on a port. */
  readonly place?: SocketPlace | undefined;
}

interface Route {
  readonly server: Server;
  readonly capability: Secret;
  readonly stamp: Buffer;
  /** Its calls whose answers have not ended. */
  readonly open: Set<Exchange>;
}

/**
 * The way from the editor's MCP clients to the MCP servers: admits callers that hold the capability, puts a fresh
 * token in, and never lets a 401 or 403 through, because the editor would start its own sign-in.
 */
export class McpProxy implements Disposable {
  readonly #routes = new Map<string, Route>();
  readonly #upstream: Upstream;
  readonly #parts: ExchangeParts;
  #listening: { readonly listener: Listener; readonly host: string; readonly base: string } | undefined;

  private constructor(private readonly proxyParts: ProxyParts) {
    const [hold, heldStreams] = [new Hold(proxyParts), new Hold(proxyParts)];
    const [memory, sessions] = [
      new Memory(proxyParts.serverMemory, proxyParts.tokens, proxyParts.log),
      new LocalSessions(),
    ];
    const remembering = { ...proxyParts, memory, sessions };
    const [beforeSignIn, tying] = [new BeforeSignIn(remembering), new Tying(remembering)];
    this.#upstream = new Upstream(proxyParts.clock);
    const own = { upstream: this.#upstream, hold, heldStreams, memory, sessions, beforeSignIn, tying };
    const known = {
      versions: new ProtocolVersions(),
      legacy: new LegacyEndpoints(),
      waiting: new WaitingCalls(),
    };
    this.#parts = { ...proxyParts, ...own, ...known };
  }

  static async start(parts: ProxyParts): Promise<McpProxy> {
    const proxy = new McpProxy(parts);
    await proxy.#listen();
    return proxy;
  }

  /** Serves exactly `servers` from now on. A server that stays keeps its endpoint, so that its definition does not change. */
  setServers(servers: readonly Server[]): void {
    const before = new Map(this.#routes);
    this.#routes.clear();
    for (const server of servers) {
      const path = pathOf(server.id);
      const known = before.get(path);
      if (known !== undefined && known.server.url !== server.url) this.#leave(known);
      this.#routes.set(path, { ...(known ?? newRoute()), server });
    }
    // A stream would be heard with the token of a server that is gone; what has not begun is answered by itself.
    for (const [path, { open }] of before) {
      if (this.#routes.has(path)) continue;
      for (const exchange of open) exchange.cut('with what waits');
    }
  }

  /** @returns undefined when `id` is not served */
  endpoint(id: ServerId): Endpoint | undefined {
    const path = pathOf(id);
    const route = this.#routes.get(path);
    return route && { url: `${this.#listening?.base ?? ''}${path}`, capability: route.capability };
  }

  /** Whether a start of `id` can do without the server, since it is known what that said before. */
  async remembers(id: ServerId): Promise<boolean> {
    const route = this.#routes.get(pathOf(id));
    return route !== undefined && (await this.#parts.memory.knows(route.server));
  }

  /** Whether a client of `id` has a call under way, or works in a session that began before anybody had signed in. */
  isInUse(id: ServerId): boolean {
    return this.#parts.sessions.has(id) || (this.#routes.get(pathOf(id))?.open.size ?? 0) > 0;
  }

  /** Whose `id` was is signed out, or `id` is gone: ends what is heard of it and the sessions that began before, and deletes what only that account was to hear. */
  async signedOut(id: ServerId): Promise<void> {
    const route = this.#routes.get(pathOf(id));
    if (route === undefined) this.#parts.sessions.closeOf(id);
    else this.#leave(route);
    await this.#parts.memory.signedOut(id);
  }

  /** Ends what clients have with a server as it was; what waits for the user goes on, and is judged anew. */
  #leave({ server, open }: Route): void {
    this.#parts.sessions.closeOf(server.id);
    for (const exchange of open) exchange.cut();
  }

  dispose(): void {
    this.#listening?.listener.close(true);
    this.proxyParts.place?.dispose();
    this.#upstream.close();
  }

  async #listen(): Promise<void> {
    const handle: Handle = (request, response, welcome) => this.#handle(request, response, welcome);
    const { place } = this.proxyParts;
    if (place === undefined) {
      const listener = await listen(handle);
      const host = `127.0.0.1:${listener.port}`;
      this.#listening = { listener, host, base: `http://${host}` };
    } else {
      // The editor's client calls whatever is behind a socket by this name.
      const listener = await listenOnSocket(handle, place.path);
      this.#listening = { listener, host: 'localhost', base: `${place.uri}#` };
    }
  }

  #handle(request: IncomingMessage, response: ServerResponse, welcome: Welcome): void {
    const { path, key } = placeIn(request.url ?? '');
    const route = this.#routes.get(path);
    const legacy = route && key !== undefined ? this.#parts.legacy.find(route.server.id, key) : undefined;
    const stamp = key === undefined || legacy !== undefined ? route?.stamp : undefined;
    if (!isAdmitted(request, this.#listening?.host ?? '', stamp) || route === undefined) {
      response.writeHead(404, { connection: 'close' }).end();
      return;
    }
    if (!welcome(path)) return;
    if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
    const exchange = new Exchange(this.#parts, { server: route.server, path, legacy }, request, response);
    if (route.open.size >= callLimit) {
      void exchange.refuse(tooManyCalls());
      return;
    }
    route.open.add(exchange);
    response.once('close', () => route.open.delete(exchange));
    void exchange.run();
  }
}

function newRoute(): Omit<Route, 'server'> {
  const capability = new Secret(randomBytes(capabilityBytes).toString('base64url'));
  return { capability, stamp: stampOfCapability(capability), open: new Set() };
}

const tooManyCalls = (): BrokerError =>
  new BrokerError('too_many_calls', `${callLimit} calls are under way.`, { details: { limit: callLimit } });
/** The path of a server, and what is below it: the key of an endpoint that a stream of it has led to. */
function placeIn(path: string): { readonly path: string; readonly key?: string } {
  const end = path.indexOf('/', prefix.length);
  return end < 0 ? { path } : { path: path.slice(0, end), key: path.slice(end + 1) };
}

const prefix = '/mcp/';

/** A label may hold anything; the path holds letters, digits, `-` and `_`. */
const pathOf = (id: ServerId): string => `${prefix}${Buffer.from(id).toString('base64url')}`;
