import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LiveCredential } from '../../src/core/credential.js';
import { Secret } from '../../src/core/secret.js';
import { applyFault, type Fault } from '../support/faults.js';
import { listen, readBody } from '../support/listener.js';

export const resource = 'https://mcp.example.com/mcp';

/** A token request that has arrived and waits for its answer. */
export interface HeldRequest {
  readonly arrived: Promise<void>;
  answer(): void;
}

/**
 * A token endpoint on a real socket that keeps the rule of rotation: each refresh token is good for one request. A
 * test can plan other answers, which no real server gives on request, and hold one back.
 */
export class ScriptedIssuer {
  /** The form of every token request, in order. */
  readonly tokenRequests: Readonly<Record<string, string>>[] = [];
  readonly revoked: string[] = [];
  /** The tokens that were asked about, in order. */
  readonly introspected: string[] = [];
  /** How the next questions about a token are answered; without it, nobody is told where to ask. */
  introspection: (() => Fault) | undefined;
  metadataRequests = 0;
  /** What the answers say of the life of the access token; nothing when undefined. */
  lifetimeSeconds: number | undefined = 3600;
  /** Members that the answers have besides, or instead. */
  more: Readonly<Record<string, unknown>> = {};
  #generation = 1;
  readonly #faults: Fault[] = [];
  readonly #held: { arrive: () => void; readonly answered: Promise<void> }[] = [];
  readonly #unexpected: string[] = [];

  private constructor(
    readonly issuer: string,
    private readonly end: () => Promise<void>,
  ) {}

  static async start(): Promise<ScriptedIssuer> {
    const listener = await listen('127.0.0.1');
    const scripted = new ScriptedIssuer(listener.origin, () => listener.close());
    listener.serve((req, res) => scripted.#answer(req, res));
    return scripted;
  }

  /** The credential as the first answer of this issuer would have made it. */
  credential(nowMs: number, changed: Partial<LiveCredential> = {}): LiveCredential {
    const { issuer } = this;
    return {
      account: { issuer, subject: 'alice', label: 'alice@example.com' },
      client: { issuer, clientId: 'client-1', authMethod: 'none', source: 'dynamic' },
      resource,
      generation: 1,
      scopes: ['a', 'b'],
      tokens: {
        kind: 'alive',
        accessToken: new Secret('access-1'),
        refreshToken: new Secret('refresh-1'),
        issuedAtMs: nowMs,
        expiresAtMs: nowMs + 3_600_000,
      },
      ...changed,
    };
  }

  /** The next token requests are answered like this, before any token is looked at. */
  failNext(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  refuseNext(error = 'invalid_grant', description = ''): void {
    this.failNext({ status: 400, body: { error, error_description: description } });
  }

  /** Somebody else has used the present refresh token: only its successor is good from now on. */
  rotateElsewhere(): { readonly access: string; readonly refresh: string } {
    this.#generation += 1;
    return { access: `access-${this.#generation}`, refresh: `refresh-${this.#generation}` };
  }

  /** The next token request waits, and so does everything behind it. */
  hold(): HeldRequest {
    let arrive: () => void = () => undefined;
    let answer: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    this.#held.push({ arrive, answered });
    return { arrived, answer };
  }

  /** Fails when anything arrived that nobody should have sent. */
  async close(): Promise<void> {
    await this.end();
    assert.deepEqual(this.#unexpected, []);
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = Object.fromEntries(new URLSearchParams(await readBody(req)));
    switch (`${req.method ?? ''} ${req.url ?? ''}`) {
      case 'GET /.well-known/oauth-authorization-server':
        this.metadataRequests += 1;
        {
          send(res, 200, {
            issuer: this.issuer,
            authorization_endpoint: `${this.issuer}/authorize`,
            token_endpoint: `${this.issuer}/token`,
            revocation_endpoint: `${this.issuer}/revoke`,
            ...(this.introspection && { introspection_endpoint: `${this.issuer}/introspect` }),
            code_challenge_methods_supported: ['S256'],
          });
          return;
        }
      case 'POST /revoke':
        this.revoked.push(form['token'] ?? '');
        {
          send(res, 200, {});
          return;
        }
      case 'POST /introspect':
        this.introspected.push(form['token'] ?? '');
        applyFault(this.introspection?.() ?? 'reset', req, res);
        return;
      case 'POST /token':
        return this.#token(form, req, res);
      default:
        this.#unexpected.push(`${req.method ?? ''} ${req.url ?? ''}`);
        {
          send(res, 404, {});
          return;
        }
    }
  }

  async #token(form: Record<string, string>, req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.tokenRequests.push(form);
    const fault = this.#faults.shift();
    const held = this.#held.shift();
    held?.arrive();
    await held?.answered;
    if (fault !== undefined && applyFault(fault, req, res)) return;
    if (form['refresh_token'] !== `refresh-${this.#generation}`) {
      send(res, 400, { error: 'invalid_grant' });
      return;
    }
    this.#generation += 1;
    send(res, 200, {
      token_type: 'Bearer',
      access_token: `access-${this.#generation}`,
      refresh_token: `refresh-${this.#generation}`,
      ...(this.lifetimeSeconds !== undefined && { expires_in: this.lifetimeSeconds }),
      ...this.more,
    });
  }
}

function send(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
