import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, readBody } from '../../support/listener.js';

/** One registration as this issuer keeps it. */
export interface Registered {
  readonly scope?: string;
  readonly redirectUris: readonly string[];
  readonly secretEndsAtSeconds?: number;
}

/**
 * An authorization server with the rules about registered clients that strict ones have. Its pages need no user: the
 * browser comes straight back, or stands at an error page.
 */
export class RegisteringIssuer {
  /** What was asked to be registered, the refused ones too. */
  readonly asked: Readonly<Record<string, unknown>>[] = [];
  readonly clients = new Map<string, Registered>();
  /** The clients that were given a code, in order. */
  readonly authorized: string[] = [];
  /** The statuses of the pages that browsers were shown. */
  readonly pages: number[] = [];
  /** Holds clients to the scopes that they have registered (RFC 7591 §2), as the official Python SDK does. */
  holdsToScopes = false;
  /** Lets clients delete themselves (RFC 7592 §2.3). */
  managesClients = false;
  /** Those that have. */
  readonly deleted: string[] = [];
  /** The only scopes that a client may register; any when undefined. */
  registrableScopes: readonly string[] | undefined;
  /** Compares redirect URIs to the port, although RFC 8252 §7.3 says not to. */
  holdsToPorts = false;
  /** Gives out secrets that end then, in seconds since the epoch; 0 for none that ends, undefined for none at all. */
  secretEndsAtSeconds: number | undefined;
  /** How every registration is refused; none is when undefined. */
  refusal: { readonly status: number; readonly body: object } | undefined;

  private constructor(
    readonly issuer: string,
    private readonly nowMs: () => number,
    readonly close: () => Promise<void>,
  ) {}

  /** @param nowMs - by which its secrets end */
  static async start(nowMs: () => number): Promise<RegisteringIssuer> {
    const listener = await listen('127.0.0.1');
    const issuer = new RegisteringIssuer(listener.origin, nowMs, () => listener.close());
    listener.serve((req, res) => issuer.#answer(req, res));
    return issuer;
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { issuer } = this;
    const body = await readBody(req);
    const url = new URL(req.url ?? '', issuer);
    switch (url.pathname) {
      case '/.well-known/oauth-authorization-server':
        send(res, 200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          registration_endpoint: `${issuer}/register`,
          code_challenge_methods_supported: ['S256'],
          token_endpoint_auth_methods_supported: [
            this.secretEndsAtSeconds === undefined ? 'none' : 'client_secret_basic',
          ],
        });
        return;
      case '/register':
        this.#register(JSON.parse(body) as Record<string, unknown>, res);
        return;
      case '/authorize':
        this.#authorize(url.searchParams, res);
        return;
      case '/token':
        this.#token(new URLSearchParams(body), req.headers.authorization, res);
        return;
      default:
        if (req.method === 'DELETE' && url.pathname.startsWith('/clients/'))
          this.#delete(url.pathname.slice('/clients/'.length), res);
        else send(res, 404, {});
    }
  }

  #register(wishes: Record<string, unknown>, res: ServerResponse): void {
    this.asked.push(wishes);
    const { scope, redirect_uris: redirectUris } = wishes;
    const refused = wordsOf(scope).find((one) => this.registrableScopes?.includes(one) === false);
    if (this.refusal !== undefined) send(res, this.refusal.status, this.refusal.body);
    else if (refused !== undefined) send(res, 400, { error: 'invalid_client_metadata' });
    else {
      const id = `client-${this.clients.size + this.deleted.length + 1}`;
      const endsAt = this.secretEndsAtSeconds;
      this.clients.set(id, {
        ...(typeof scope === 'string' && { scope }),
        redirectUris: redirectUris as readonly string[],
        ...(endsAt !== undefined && { secretEndsAtSeconds: endsAt }),
      });
      const secret = endsAt !== undefined && { client_secret: `s-${id}`, client_secret_expires_at: endsAt };
      const management = this.managesClients && {
        registration_client_uri: `${this.issuer}/clients/${id}`,
        registration_access_token: `r-${id}`,
      };
      send(res, 201, { ...wishes, client_id: id, ...secret, ...management });
    }
  }

  #delete(id: string, res: ServerResponse): void {
    if (this.clients.delete(id)) this.deleted.push(id);
    res.writeHead(204).end();
  }

  #authorize(asked: URLSearchParams, res: ServerResponse): void {
    const client = this.clients.get(asked.get('client_id') ?? '');
    const back = asked.get('redirect_uri') ?? '';
    const isPlace = client?.redirectUris.includes(back) === true || !this.holdsToPorts;
    this.pages.push(client === undefined || !isPlace ? 400 : 302);
    if (client === undefined || !isPlace) {
      send(res, 400, { error: 'invalid_request', error_description: 'Redirect URI not registered' });
      return;
    }
    const redirect = new URL(back);
    redirect.searchParams.set('state', asked.get('state') ?? '');
    const allowed = wordsOf(client.scope);
    const refused = wordsOf(asked.get('scope')).find((scope) => !allowed.includes(scope));
    if (this.holdsToScopes && refused !== undefined) {
      redirect.searchParams.set('error', 'invalid_scope');
      redirect.searchParams.set('error_description', `Client was not registered with scope ${refused}`);
    } else {
      redirect.searchParams.set('code', randomUUID());
      this.authorized.push(asked.get('client_id') ?? '');
    }
    res.writeHead(302, { location: redirect.href }).end();
  }

  #token(form: URLSearchParams, authorization: string | undefined, res: ServerResponse): void {
    const basic = Buffer.from((authorization ?? '').slice('Basic '.length), 'base64').toString();
    const client = this.clients.get(form.get('client_id') ?? basic.split(':')[0] ?? '');
    const endsAt = client?.secretEndsAtSeconds ?? 0;
    if (client === undefined || (endsAt > 0 && endsAt * 1000 <= this.nowMs())) {
      send(res, 401, { error: 'invalid_client', error_description: 'Client secret has expired' });
      return;
    }
    send(res, 200, {
      access_token: `access-${randomUUID()}`,
      refresh_token: `refresh-${randomUUID()}`,
      token_type: 'Bearer',
      expires_in: 60,
    });
  }
}

/** A browser that needs no user. */
export const follow = (url: string): Promise<boolean> => {
  void fetch(url).then((response) => response.text());
  return Promise.resolve(true);
};

const wordsOf = (text: unknown): readonly string[] =>
  typeof text === 'string' && text !== '' ? text.split(' ') : [];

function send(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
