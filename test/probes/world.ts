import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, readBody, type Listener } from '../support/listener.js';

/** How the servers of a world differ from honest ones. */
export interface WorldOptions {
  /** Members of the authorization server's metadata; `undefined` leaves one out. */
  readonly authorizationServer?: Readonly<Record<string, unknown>>;
  /** Members of the MCP server's metadata; `none` answers 404. */
  readonly resource?: Readonly<Record<string, unknown>> | 'none';
  /** What the MCP server says to whoever brings no good token. */
  readonly challenge?: (origin: string) => string;
  /**
   * What the token endpoint answers to a renewal; a new token when undefined. `cut` breaks the connection before the
   * request is read; `overtaken` is what a second window of the client makes of it, which renews first.
   */
  readonly renewal?:
    | { readonly status: number; readonly body: object; readonly headers?: Record<string, string> }
    | 'cut'
    | 'overtaken';
}

const json = { 'content-type': 'application/json' };

/**
 * An MCP server and its authorization server at one origin, which stands for a place outside. Refresh tokens are good
 * once, as OAuth 2.1 §4.3.1 wants them for public clients.
 */
export class World {
  /** The forms that the token endpoint was sent, in order. */
  readonly tokenRequests: URLSearchParams[] = [];
  readonly #listener: Listener;
  readonly #options: WorldOptions;
  #generation = 0;
  #hasExpired = false;
  /** What another window of the client does with the tokens that it gets while this one asks. */
  overtake: (tokens: { readonly access: string; readonly refresh: string }) => Promise<void> = () =>
    Promise.resolve();
  /** How many calls have been answered since the token expired. */
  served = 0;

  private constructor(listener: Listener, options: WorldOptions) {
    this.#listener = listener;
    this.#options = options;
    listener.serve((req, res) => this.#answer(req, res));
  }

  static async start(options: WorldOptions): Promise<World> {
    return new World(await listen('::1'), options);
  }

  get origin(): string {
    return this.#listener.origin;
  }

  get url(): string {
    return `${this.origin}/mcp`;
  }

  get renewals(): number {
    return this.tokenRequests.filter((form) => form.get('grant_type') === 'refresh_token').length;
  }

  /** The access token that is out is refused from now on. */
  expire(): void {
    this.#hasExpired = true;
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname } = new URL(req.url ?? '/', this.origin);
    if (pathname === '/token' && this.#options.renewal === 'cut' && this.tokenRequests.length > 0) {
      req.socket.destroy();
      return;
    }
    const body = await readBody(req);
    const send = (status: number, answer: object, headers: Record<string, string> = {}) =>
      void res.writeHead(status, { ...json, ...headers }).end(JSON.stringify(answer));
    if (pathname === '/mcp') {
      this.#serve(req, res, body);
      return;
    }
    if (pathname === '/register') {
      send(201, { ...(JSON.parse(body) as object), client_id: 'client-1' });
      return;
    }
    if (pathname === '/token') {
      await this.#token(new URLSearchParams(body), send);
      return;
    }
    const isResource = pathname === '/.well-known/oauth-protected-resource/mcp';
    if (isResource && this.#options.resource !== 'none') {
      send(200, this.#resource());
      return;
    }
    if (pathname === '/.well-known/oauth-authorization-server') {
      send(200, this.#authorizationServer());
      return;
    }
    send(404, {});
  }

  #serve(req: IncomingMessage, res: ServerResponse, body: string): void {
    const isGood = req.headers.authorization === `Bearer access-${this.#generation}` && !this.#hasExpired;
    if (isGood && req.method === 'POST') {
      if (this.#generation > 1) this.served += 1;
      const { id = null } = JSON.parse(body) as { id?: unknown };
      res.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }));
    } else if (isGood) res.writeHead(405).end();
    else res.writeHead(401, { 'www-authenticate': this.#challenge() }).end();
  }

  async #token(
    form: URLSearchParams,
    send: (status: number, answer: object, headers?: Record<string, string>) => void,
  ): Promise<void> {
    this.tokenRequests.push(form);
    const { renewal } = this.#options;
    if (form.get('grant_type') === 'refresh_token') {
      if (renewal === 'overtaken' && this.#generation === 1) {
        this.#generation += 1;
        this.#hasExpired = false;
        await this.overtake({ access: 'access-2', refresh: 'refresh-2' });
      } else if (typeof renewal === 'object') {
        send(renewal.status, renewal.body, renewal.headers);
        return;
      }
      if (form.get('refresh_token') !== `refresh-${this.#generation}`) {
        send(400, { error: 'invalid_grant' });
        return;
      }
    }
    this.#generation += 1;
    this.#hasExpired = false;
    send(200, {
      access_token: `access-${this.#generation}`,
      refresh_token: `refresh-${this.#generation}`,
      token_type: 'Bearer',
      expires_in: 3600,
    });
  }

  #challenge(): string {
    const metadata = `${this.origin}/.well-known/oauth-protected-resource/mcp`;
    if (this.#options.challenge !== undefined) return this.#options.challenge(this.origin);
    return this.#options.resource === 'none' ? 'Bearer' : `Bearer resource_metadata="${metadata}"`;
  }

  #resource(): object {
    const { resource } = this.#options;
    return {
      resource: this.url,
      authorization_servers: [this.origin],
      ...(resource === 'none' ? {} : resource),
    };
  }

  #authorizationServer(): object {
    return {
      issuer: this.origin,
      authorization_endpoint: `${this.origin}/authorize`,
      token_endpoint: `${this.origin}/token`,
      registration_endpoint: `${this.origin}/register`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      ...this.#options.authorizationServer,
    };
  }
}
