import { createHash, generateKeyPairSync, randomInt, type KeyObject } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { TestUser } from '../test-users.js';
import { type Answer, refusal } from './google-answers.js';
import type { IdTokens } from './id-tokens.js';
import type { AccessTokens, GoogleClock } from './google-tokens.js';
import { knownScopes } from './google-scopes.js';

/** A service account with one key, which is its file. */
export interface ServiceAccount {
  readonly email: string;
  readonly uniqueId: string;
  readonly projectId: string;
  /** What domain-wide delegation lets it ask for in the name of people of these organizations. */
  readonly delegation: { readonly domain: string; readonly scopes: readonly string[] } | undefined;
  /** The e-mail addresses of who may act as it (roles/iam.serviceAccountTokenCreator). */
  readonly tokenCreators: readonly string[];
  /** The key file that the console offers for download. */
  readonly keyFile: string;
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

/** Google's error texts for assertions. */
const invalid = {
  signature: refusal(400, 'invalid_grant', 'Invalid JWT Signature.'),
  account: refusal(400, 'invalid_grant', 'Invalid grant: account not found'),
  times: refusal(
    400,
    'invalid_grant',
    'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
  ),
  audience: refusal(400, 'invalid_grant', 'Invalid JWT: Failed audience check.'),
  subject: refusal(400, 'invalid_grant', 'Invalid email or User ID'),
  wanted: refusal(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.'),
  delegation: refusal(
    401,
    'unauthorized_client',
    'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
  ),
} as const;

/** The service accounts of one test, and what their keys are good for. */
export class ServiceAccounts {
  readonly #byEmail = new Map<string, ServiceAccount>();

  constructor(
    private readonly given: {
      readonly tokenUrl: string;
      readonly users: readonly TestUser[];
      readonly access: AccessTokens;
      readonly idTokens: IdTokens;
      readonly clock: GoogleClock;
      readonly accessTokenSeconds: () => number;
    },
  ) {}

  /** Makes one, with a key of its own. */
  add(
    name: string,
    options: Partial<Pick<ServiceAccount, 'delegation' | 'tokenCreators'>> = {},
  ): ServiceAccount {
    const projectId = 'ticket-helper-471812';
    const email = `${name}@${projectId}.iam.gserviceaccount.com`;
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const uniqueId = `1${Array.from({ length: 20 }, () => randomInt(10)).join('')}`;
    const keyId = createHash('sha1').update(email).digest('hex');
    const keyFile = JSON.stringify(
      {
        type: 'service_account',
        project_id: projectId,
        private_key_id: keyId,
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        client_email: email,
        client_id: uniqueId,
        auth_uri: 'https://accounts.google.com/o/oauth2/auth',
        token_uri: 'https://oauth2.googleapis.com/token',
        auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
        client_x509_cert_url: `https://www.googleapis.com/robot/v1/metadata/x509/${encodeURIComponent(email)}`,
        universe_domain: 'googleapis.com',
      },
      undefined,
      2,
    );
    const { delegation, tokenCreators = [] } = options;
    const account = { email, uniqueId, projectId, delegation, tokenCreators, keyFile, keyId, publicKey };
    this.#byEmail.set(email, account);
    return account;
  }

  find(email: string): ServiceAccount | undefined {
    return this.#byEmail.get(email);
  }

  /** Answers for a signed assertion (RFC 7523) at the token endpoint. */
  async redeem(form: URLSearchParams): Promise<Answer> {
    const assertion = form.get('assertion') ?? '';
    const { account, refused } = await this.#signer(assertion);
    if (account === undefined) return refused;
    const claims = decodeJwt<{ readonly target_audience?: unknown; readonly scope?: string }>(assertion);
    const audience = claims.target_audience;
    if (typeof audience === 'string') {
      return { status: 200, body: { id_token: await this.given.idTokens.forAccount(account, audience) } };
    }
    const { scope = '' } = claims;
    const scopes = scope.split(' ').filter(Boolean);
    if (scopes.length === 0 || scopes.some((scope) => !knownScopes.includes(scope))) return invalid.wanted;
    const { sub } = claims;
    return sub === undefined || sub === account.email
      ? this.grant(account, scopes)
      : this.#delegate(account, sub, scopes);
  }

  /** An access token of its own. */
  grant(account: ServiceAccount, scopes: readonly string[]): Answer {
    return this.#answer(
      { ...account, subject: account.uniqueId, name: '', clientId: account.uniqueId },
      scopes,
    );
  }

  #delegate(account: ServiceAccount, email: string, scopes: readonly string[]): Answer {
    const { domain, scopes: allowed } = account.delegation ?? { domain: '', scopes: [] };
    if (!email.endsWith(`@${domain}`) || scopes.some((scope) => !allowed.includes(scope))) {
      return invalid.delegation;
    }
    const user = this.given.users.find((each) => each.email === email);
    if (user === undefined) return invalid.subject;
    return this.#answer({ ...user, clientId: account.uniqueId }, scopes);
  }

  #answer(
    whose: {
      readonly subject: string;
      readonly email: string;
      readonly name: string;
      readonly clientId: string;
    },
    scopes: readonly string[],
  ): Answer {
    const { access, clock, accessTokenSeconds } = this.given;
    const seconds = accessTokenSeconds();
    const text = access.issue({
      kind: whose.email.endsWith('.gserviceaccount.com') ? 'service-account' : 'person',
      subject: whose.subject,
      email: whose.email,
      name: whose.name,
      clientId: whose.clientId,
      scopes,
      expiresAtMs: clock.nowMs() + seconds * 1000,
    });
    return { status: 200, body: { access_token: text, expires_in: seconds, token_type: 'Bearer' } };
  }

  async #signer(
    assertion: string,
  ): Promise<
    | { readonly account: ServiceAccount; readonly refused?: never }
    | { readonly account?: never; readonly refused: Answer }
  > {
    let email: unknown;
    let keyId: unknown;
    try {
      email = decodeJwt(assertion).iss;
      keyId = decodeProtectedHeader(assertion).kid;
    } catch {
      return { refused: refusal(400, 'invalid_grant', 'Invalid JWT: Failed to parse the assertion.') };
    }
    const account = typeof email === 'string' ? this.find(email) : undefined;
    if (account === undefined) return { refused: invalid.account };
    if (keyId !== undefined && keyId !== account.keyId) return { refused: invalid.signature };
    try {
      const { payload } = await jwtVerify(assertion, account.publicKey, {
        algorithms: ['RS256'],
        clockTolerance: 60,
        // One from the future is refused only with it.
        maxTokenAge: 3_600,
        currentDate: new Date(this.given.clock.nowMs()),
        requiredClaims: ['iat', 'exp'],
      });
      if (Number(payload.exp) - Number(payload.iat) > 3_600) return { refused: invalid.times };
      const { tokenUrl } = this.given;
      // Libraries write the real address whatever they talk to.
      const audiences = [
        tokenUrl,
        'https://oauth2.googleapis.com/token',
        'https://accounts.google.com/o/oauth2/token',
      ];
      return audiences.includes([payload.aud].flat()[0] ?? '') ? { account } : { refused: invalid.audience };
    } catch (error) {
      const isTime = error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
      return { refused: isTime ? invalid.times : invalid.signature };
    }
  }
}
