import { createServer as createProxy } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Authority, type Certificate, makeAuthority } from '../certificates.js';
import { scratchFolder } from '../scratch-folder.js';
import { type CloudRunOptions, cloudRunServer } from './cloud-run-server.js';
import { googleAddresses } from './google-addresses.js';
import type { GoogleMcpEndpoint } from './google-mcp.js';
import type { GoogleOptions, TestGoogle } from './google-server.js';
import { GoogleStandIn } from './google-stand-in.js';
import { hostedServer, type HostedServerOptions } from './hosted-server.js';
import { makeGoogleKey } from './id-tokens.js';

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** The names that lead here, as certificates have them. */
const names = ['accounts.google.com', '*.googleapis.com', '*.a.run.app'];

/**
 * Google under its real names: over TLS, and to be found through a proxy. What talks to it is as it is shipped, and
 * has only been told of that proxy and of one more certificate authority, as in many an office.
 */
export class GoogleWorld {
  readonly google: Omit<TestGoogle, 'close'>;
  /** What the proxy was asked to connect to, as `host:port`, in order. */
  readonly connected: string[] = [];
  /** For files that have to be there before an editor is. */
  readonly folder = scratchFolder();
  readonly #authority: Authority;
  readonly #certificate: Certificate;
  readonly #server: Server;
  readonly #proxy = createProxy();
  readonly #handlers = new Map<string, Handler>();
  readonly #endpoints: GoogleMcpEndpoint[] = [];

  private constructor(google: Omit<TestGoogle, 'close'>) {
    this.google = google;
    this.#authority = makeAuthority('Authority of a test');
    this.#certificate = this.#authority.issue(names);
    const { certificate: cert, key } = this.#certificate;
    this.#server = createServer({ cert, key }, (req, res) => {
      this.#answer(req, res).catch((error: unknown) => res.destroy(error as Error));
    });
  }

  static async start(options: GoogleOptions = {}): Promise<GoogleWorld> {
    const world = new GoogleWorld(new GoogleStandIn(googleAddresses, await makeGoogleKey(), options));
    world.#proxy.on('connect', (req, socket, head) => {
      const target = req.url ?? '';
      world.connected.push(target);
      // Whoever asked may be gone at any time, even after a refusal.
      socket.on('error', () => socket.destroy());
      const isKnown = world.#isKnown(target.replace(/:443$/, ''));
      if (!isKnown) {
        socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        return;
      }
      const upstream = connect(portOf(world.#server), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.write(head);
        upstream.pipe(socket).pipe(upstream);
      });
      for (const [end, other] of [
        [upstream, socket],
        [socket, upstream],
      ] as const) {
        end.on('error', () => other.destroy());
        end.on('close', () => other.destroy());
      }
    });
    await Promise.all(
      [world.#server, world.#proxy].map(
        (server) => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)),
      ),
    );
    return world;
  }

  /** Whom a client must trust, in PEM. */
  get authority(): string {
    return this.#authority.certificate;
  }

  /** The public key of all these names, in the form in which Chromium takes exceptions. */
  get spkiHash(): string {
    return this.#certificate.spkiHash;
  }

  get proxyUrl(): string {
    return `http://127.0.0.1:${portOf(this.#proxy)}`;
  }

  /** Where all the names are, as `host:port`. */
  get address(): string {
    return `127.0.0.1:${portOf(this.#server)}`;
  }

  get names(): readonly string[] {
    return names;
  }

  hosted(options: HostedServerOptions): GoogleMcpEndpoint {
    return this.#add(options.url, hostedServer(this.google, options));
  }

  cloudRun(options: CloudRunOptions): GoogleMcpEndpoint {
    return this.#add(options.url, cloudRunServer(this.google, options));
  }

  async close(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()));
    for (const server of [this.#server, this.#proxy]) {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    }
  }

  #add(url: string, endpoint: GoogleMcpEndpoint): GoogleMcpEndpoint {
    this.#endpoints.push(endpoint);
    this.#handlers.set(new URL(url).host, (req, res) => endpoint.answer(req, res));
    return endpoint;
  }

  #isKnown(host: string): boolean {
    const isOwn = Object.values(googleAddresses).some((address: string) => new URL(address).host === host);
    return isOwn || this.#handlers.has(host);
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const handler = this.#handlers.get(req.headers.host ?? '');
    if (handler !== undefined) return handler(req, res);
    if (await this.google.answer(req, res)) return;
    res.writeHead(404, { 'content-type': 'text/html' });
    res.end('<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>');
  }
}

const portOf = (server: { address(): AddressInfo | string | null }): number =>
  (server.address() as AddressInfo).port;
