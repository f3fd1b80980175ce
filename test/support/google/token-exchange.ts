import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { type Answer, refusal } from './google-answers.js';
import type { AccessTokens, GoogleClock } from './google-tokens.js';
import { knownScopes } from './google-scopes.js';

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const subjectTokenTypes = ['jwt', 'id_token'].map((name) => `urn:ietf:params:oauth:token-type:${name}`);

/** A workload identity pool with one provider, and the foreign issuer that it trusts. */
export interface WorkloadPool {
  /** As credential files name it. */
  readonly audience: string;
  /** A token of the foreign issuer, as a workload finds it in a file. */
  subjectToken(subject: string, seconds?: number): Promise<string>;
}

/** Somebody of a workforce pool, whom `gcloud auth application-default login` gives a refresh token of this kind. */
export interface WorkforceLogin {
  readonly refreshToken: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly audience: string;
  readonly subject: string;
}

/** Google's security token service: foreign tokens against Google's (RFC 8693). */
export class TokenExchange {
  readonly #pools = new Map<string, { readonly issuer: string; readonly publicKey: KeyObject }>();
  readonly #logins = new Map<string, WorkforceLogin>();

  constructor(
    private readonly access: AccessTokens,
    private readonly clock: GoogleClock,
    private readonly issuedSecrets: Set<string>,
    private readonly accessTokenSeconds: () => number,
  ) {}

  addPool(name: string): WorkloadPool {
    const audience = `//iam.googleapis.com/projects/407408718192/locations/global/workloadIdentityPools/${name}/providers/${name}-oidc`;
    const issuer = `https://${name}.ci.example`;
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#pools.set(audience, { issuer, publicKey });
    return {
      audience,
      subjectToken: (subject, seconds = 600) =>
        new SignJWT()
          .setProtectedHeader({ alg: 'RS256' })
          .setIssuer(issuer)
          .setSubject(subject)
          .setAudience(`https:${audience}`)
          .setIssuedAt()
          .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
          .sign(privateKey),
    };
  }

  addWorkforceLogin(subject: string): WorkforceLogin {
    const login = {
      refreshToken: randomBytes(60).toString('base64url'),
      clientId: `${randomBytes(8).toString('hex')}.apps.googleusercontent.com`,
      clientSecret: randomBytes(20).toString('base64url'),
      audience: '//iam.googleapis.com/locations/global/workforcePools/staff/providers/staff-oidc',
      subject,
    };
    this.#logins.set(login.refreshToken, login);
    this.issuedSecrets.add(login.refreshToken).add(login.clientSecret);
    return login;
  }

  async exchange(form: URLSearchParams): Promise<Answer> {
    const audience = form.get('audience') ?? '';
    const pool = this.#pools.get(audience);
    const scopes = (form.get('scope') ?? '').split(' ').filter(Boolean);
    if (form.get('grant_type') !== exchangeGrant) {
      return refusal(400, 'unsupported_grant_type', 'Invalid value for "grant_type".');
    }
    if (form.get('requested_token_type') !== accessTokenType) {
      return refusal(400, 'invalid_request', 'Invalid requested token type.');
    }
    if (!subjectTokenTypes.includes(form.get('subject_token_type') ?? '')) {
      return refusal(400, 'invalid_request', 'Unsupported subject token type.');
    }
    if (pool === undefined) {
      return refusal(
        400,
        'invalid_target',
        `The target service indicated by the "audience" parameters is invalid.`,
      );
    }
    if (scopes.length === 0 || scopes.some((scope) => !knownScopes.includes(scope))) {
      return refusal(400, 'invalid_scope', 'Invalid value for "scope".');
    }
    try {
      const { payload } = await jwtVerify(form.get('subject_token') ?? '', pool.publicKey, {
        issuer: pool.issuer,
        audience: `https:${audience}`,
      });
      const principal = `principal:${audience.replace(/\/providers\/.*$/, '')}/subject/${payload.sub ?? ''}`;
      return { status: 200, body: { ...this.#token(principal, scopes), issued_token_type: accessTokenType } };
    } catch (error) {
      const why =
        error instanceof errors.JWTExpired ? 'The ID Token is stale.' : 'The token could not be verified.';
      return refusal(400, 'invalid_grant', `ID Token issued at is invalid or expired. ${why}`);
    }
  }

  /** Renews what a workforce login has; clients prove themselves in the header. */
  renew(form: URLSearchParams, authorization = ''): Answer {
    const login = this.#logins.get(form.get('refresh_token') ?? '');
    if (form.get('grant_type') !== 'refresh_token' || login === undefined) {
      return refusal(400, 'invalid_grant', 'The refresh token is invalid.');
    }
    const expected = Buffer.from(`${login.clientId}:${login.clientSecret}`).toString('base64');
    if (authorization !== `Basic ${expected}`)
      return refusal(401, 'invalid_client', 'The client is unknown.');
    const scopes = ['https://www.googleapis.com/auth/cloud-platform'];
    return { status: 200, body: this.#token(`principal:${login.audience}/subject/${login.subject}`, scopes) };
  }

  #token(principal: string, scopes: readonly string[]) {
    const seconds = this.accessTokenSeconds();
    const text = this.access.issue(
      {
        kind: 'federated',
        subject: principal,
        email: principal,
        name: '',
        clientId: '',
        scopes,
        expiresAtMs: this.clock.nowMs() + seconds * 1000,
      },
      'ya29.d.b0',
    );
    return { access_token: text, expires_in: seconds, token_type: 'Bearer' };
  }
}
