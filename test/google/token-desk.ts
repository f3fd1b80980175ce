import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GoogleEndpoints } from '../../src/google/endpoints.js';
import { applyFault, type Fault } from '../support/faults.js';
import { listen, readBody } from '../support/listener.js';

/** One request as it arrived. */
export interface DeskRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

/** The key of the service account that the desk knows. */
export const serviceKey = privateKey;

/**
 * Google's machine-to-machine endpoints as far as its library asks them, on a real socket, keeping the rule of rotation:
 * a refresh token is good for one request.
 */
export class TokenDesk {
  readonly requests: DeskRequest[] = [];
  #refreshToken = '1//first';
  /** Whether it gives out a new refresh token with each access token. */
  rotates = false;
  /** What ends with this refuses every request in the words of the request. */
  quoting: string | undefined;
  /** How far its clock is ahead of that of this computer. */
  aheadMs = 0;
  readonly #faults: (Fault | undefined)[] = [];
  readonly #key: KeyObject = createPublicKey(publicKey);

  private constructor(
    readonly origin: string,
    readonly close: () => Promise<void>,
  ) {}

  static async start(): Promise<TokenDesk> {
    const listener = await listen('127.0.0.1');
    const desk = new TokenDesk(listener.origin, () => listener.close());
    listener.serve((req, res) => desk.#answer(req, res));
    return desk;
  }

  get endpoints(): GoogleEndpoints {
    const { origin } = this;
    return {
      issuer: 'https://accounts.google.com',
      token: `${origin}/token`,
      userinfo: `${origin}/userinfo`,
      iamCredentials: origin,
      sts: origin,
      origins: ['https://*.googleapis.com'],
    };
  }

  /** The next requests, wherever to, are answered like this. */
  failNext(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  /** The next request is answered as usual, and the one after it like this. */
  failSecond(fault: Fault): void {
    this.#faults.push(undefined, fault);
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const text = await readBody(req);
    const isForm = req.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    const body = (
      isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text === '' ? '{}' : text)
    ) as Record<string, string>;
    const path = req.url ?? '';
    this.requests.push({ path, authorization: req.headers.authorization, body });
    const fault = this.#faults.shift();
    if (fault !== undefined && applyFault(fault, req, res)) return;
    const headers = { 'content-type': 'application/json', date: new Date(this.#nowMs()).toUTCString() };
    const send = (status: number, answer: object) =>
      res.writeHead(status, headers).end(JSON.stringify(answer));
    if (this.quoting !== undefined && path.endsWith(this.quoting)) {
      const words = `You sent: ${[...Object.values(body), req.headers.authorization].join(' ')}`;
      send(400, { error: 'invalid_grant', error_description: words });
    } else if (path === '/token' && body['grant_type'] === 'refresh_token') this.#refresh(body, send);
    else if (path === '/token') this.#assertion(body['assertion'] ?? '', send);
    else if (path === '/v1/token' || path === '/v1/oauthtoken') this.#exchange(path, body, send);
    else if (path.endsWith(':generateAccessToken'))
      send(200, {
        accessToken: 'ya29.impersonated',
        expireTime: new Date(this.#nowMs() + 3_600_000).toISOString(),
      });
    else if (path.endsWith(':generateIdToken'))
      send(200, {
        token: this.#idTokenFor(body['audience'] ?? '', /serviceAccounts\/([^:]+):/.exec(path)?.[1]),
      });
    else if (path === '/subject') send(200, { jwt: 'a-token-of-the-platform' });
    else send(404, {});
  }

  #refresh(body: Record<string, string>, send: (status: number, answer: object) => void): void {
    if (body['refresh_token'] !== this.#refreshToken) {
      send(400, { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' });
      return;
    }
    if (this.rotates) this.#refreshToken = `1//after-${this.requests.length}`;
    const audience = body['target_audience'];
    send(200, {
      token_type: 'Bearer',
      expires_in: 3599,
      scope: 'openid https://www.googleapis.com/auth/userinfo.email',
      ...(this.rotates && { refresh_token: this.#refreshToken }),
      ...(audience === undefined
        ? { access_token: `ya29.user-${this.requests.length}` }
        : { id_token: this.#idTokenFor(audience) }),
    });
  }

  /** Signed by the key that is known here, for Google alone. */
  #assertion(assertion: string, send: (status: number, answer: object) => void): void {
    const [header = '', payload = '', signature = ''] = assertion.split('.');
    const isSigned = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      this.#key,
      Buffer.from(signature, 'base64url'),
    );
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>;
    if (!isSigned || claims['aud'] !== 'https://oauth2.googleapis.com/token') {
      send(400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' });
      return;
    }
    const { target_audience: audience } = claims;
    if (audience === undefined)
      send(200, {
        access_token: `ya29.${claims['sub'] ?? claims['iss'] ?? ''}`,
        token_type: 'Bearer',
        expires_in: 3599,
      });
    else send(200, { id_token: this.#idTokenFor(audience, claims['iss']) });
  }

  #nowMs(): number {
    return Date.now() + this.aheadMs;
  }

  #idTokenFor(audience: string, email = 'alice@example.com', sub = '1234'): string {
    const iat = Math.floor(this.#nowMs() / 1000);
    const claims = { aud: audience, sub, email, email_verified: true, iat, exp: iat + 3600 };
    return `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`;
  }

  #exchange(
    path: string,
    body: Record<string, string>,
    send: (status: number, answer: object) => void,
  ): void {
    if (path === '/v1/token') assert.equal(body['subject_token'], 'a-token-of-the-platform');
    send(200, {
      access_token: 'ya29.federated',
      token_type: 'Bearer',
      expires_in: 3600,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      ...(path === '/v1/oauthtoken' && this.rotates && { refresh_token: 'rotated-workforce' }),
    });
  }
}

/** Nobody here checks a signature: what is signed comes straight from Google. */
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
