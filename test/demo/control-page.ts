import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { AuthorizationEvent } from '../support/authorization-record.js';
import type { TestAuthorizationServer } from '../support/authorization-server.js';
import type { TestMcpServer } from '../support/mcp-server.js';

/** What the page shows, as it asks for it. Holds no token, no code and no secret. */
interface ControlState {
  readonly accessTokenSeconds: number;
  /** Oldest first. */
  readonly events: readonly { readonly atMs: number; readonly text: string }[];
  readonly sessions: readonly {
    readonly server: string;
    readonly name: string;
    readonly subject: string;
    readonly toolCalls: number;
  }[];
}

interface ControlParts {
  readonly issuer: TestAuthorizationServer;
  readonly mcpServers: readonly TestMcpServer[];
  readonly accessTokenSeconds: number;
}

const path = '/demo';

/** The page with the levers, at the authorization server's own address. */
export class ControlPage {
  readonly url: string;
  #accessTokenSeconds: number;
  readonly #html = readFileSync(join(import.meta.dirname, 'control-page.html'));
  readonly #actions: ReadonlyMap<string, () => void>;

  constructor(private readonly parts: ControlParts) {
    const { issuer } = parts;
    this.url = issuer.issuer + path;
    this.#accessTokenSeconds = parts.accessTokenSeconds;
    this.#actions = new Map([
      ...issuer.users.map(
        ({ subject }) => [`revoke-${subject}`, () => issuer.revokeGrants(subject)] as const,
      ),
      ...[5, 60, 3600].map((seconds) => [`lifetime-${seconds}`, () => this.#setLifetime(seconds)] as const),
      ['forget-clients', () => issuer.forgetClients()],
    ]);
  }

  /** @returns whether the request was for this page, which is then answered */
  answer(req: IncomingMessage, res: ServerResponse): boolean {
    const { host } = new URL(this.url);
    const pathname = (req.url ?? '/').split('?', 1)[0] ?? '';
    if (pathname !== path && !pathname.startsWith(`${path}/`)) return false;
    const action = this.#actions.get(pathname.slice(`${path}/actions/`.length));
    // Under another name, or from another site's form, it is somebody else who asks.
    const isOurs =
      req.headers.host === host && [undefined, new URL(this.url).origin].includes(req.headers.origin);
    if (!isOurs) {
      res.writeHead(404).end();
    } else if (req.method === 'POST' && pathname.startsWith(`${path}/actions/`) && action !== undefined) {
      action();
      res.writeHead(204).end();
    } else if (req.method === 'GET' && pathname === `${path}/state`) {
      res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      res.end(JSON.stringify(this.#state()));
    } else if (req.method === 'GET' && pathname === path) {
      res.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy':
          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
      });
      res.end(this.#html);
    } else {
      res.writeHead(404).end();
    }
    return true;
  }

  #setLifetime(seconds: number): void {
    this.#accessTokenSeconds = seconds;
    this.parts.issuer.setAccessTokenSeconds(seconds);
  }

  #state(): ControlState {
    const { issuer, mcpServers } = this.parts;
    const nameOf = (resource: string | undefined) => mcpServers.find(({ url }) => url === resource)?.name;
    const calls = mcpServers.flatMap(({ name, requests }) =>
      requests
        .filter(({ tool }) => tool !== undefined)
        .map(({ atMs, tool, subject, status }) => ({
          atMs,
          text:
            status === 200
              ? `${name} answered ${tool ?? ''} for ${subject ?? 'nobody'}`
              : `${name} refused ${tool ?? ''} with ${status}`,
        })),
    );
    const events = issuer.events.map((event) => ({
      atMs: event.atMs,
      text: sentence(event, nameOf(event.resource)),
    }));
    return {
      accessTokenSeconds: this.#accessTokenSeconds,
      events: [...events, ...calls].sort((a, b) => a.atMs - b.atMs),
      sessions: mcpServers.flatMap(({ name, sessions }) =>
        sessions.map(({ id, subject, calls }) => ({
          server: name,
          name: id.slice(0, 8),
          subject,
          toolCalls: calls.filter(({ tool }) => tool !== undefined).length,
        })),
      ),
    };
  }
}

function sentence({ kind, subject, error }: AuthorizationEvent, server: string | undefined): string {
  const who = subject ?? 'somebody';
  const what = server === undefined ? '' : ` for ${server}`;
  const why = error === undefined ? '' : `: ${error}`;
  const texts: Record<AuthorizationEvent['kind'], string> = {
    'authorization-requested': `The editor asks for access${what}`,
    'login-refused': `Wrong user name or password`,
    'signed-in': `${who} signed in`,
    'authorization-granted': `${who} allowed the access${what}`,
    'authorization-refused': `No access${what}${why}`,
    'code-exchanged': `First token${what}, for ${who}`,
    'code-refused': `No token${what}${why}`,
    'client-granted': 'Token granted to a client',
    refreshed: `New token${what}, for ${who}`,
    'refresh-refused': `No new token${what}, for ${who}${why}`,
    revoked: `The editor signed ${who} out`,
    introspected: 'The editor asked whether a sign-in is still good',
    registered: 'The editor registered as a client',
    unregistered: 'The editor deleted its registration',
    'registration-refused': `The registration was refused${why}`,
    'grants-revoked': `You revoked the grants of ${who}`,
    'clients-forgotten': 'You made the server forget its clients',
    fault: `A planned fault${why}`,
    'server-error': `The server failed${why}`,
  };
  return texts[kind];
}
