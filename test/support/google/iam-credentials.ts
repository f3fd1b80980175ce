import { type Answer, apiError } from './google-answers.js';
import { knownScopes } from './google-scopes.js';
import type { AccessToken, AccessTokens } from './google-tokens.js';
import type { IdTokens } from './id-tokens.js';
import type { ServiceAccounts } from './service-accounts.js';

const path = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):(generateAccessToken|generateIdToken)$/;

const sufficient = ['cloud-platform', 'iam'].map((name) => `https://www.googleapis.com/auth/${name}`);

/** The IAM credentials API: tokens of a service account for whoever may act as it. */
export class IamCredentials {
  constructor(
    private readonly accounts: ServiceAccounts,
    private readonly access: AccessTokens,
    private readonly idTokens: IdTokens,
  ) {}

  serves(pathname: string): boolean {
    return path.test(decodeURIComponent(pathname));
  }

  async answer(pathname: string, authorization: string | undefined, body: string): Promise<Answer> {
    const [, email = '', method] = path.exec(decodeURIComponent(pathname)) ?? [];
    const caller = this.access.find(/^Bearer (\S+)$/i.exec(authorization ?? '')?.[1] ?? '');
    if (caller === undefined) {
      return apiError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    }
    const refused = this.#refuse(
      caller,
      email,
      method === 'generateIdToken' ? 'getOpenIdToken' : 'getAccessToken',
    );
    if (refused !== undefined) return refused;
    const account = this.accounts.find(email);
    if (account === undefined) return apiError(404, 'NOT_FOUND', 'Not found; Gaia id not found for email');
    const asked = JSON.parse(body || '{}') as {
      readonly scope?: readonly string[];
      readonly lifetime?: string;
      readonly audience?: string;
      readonly includeEmail?: boolean;
    };
    if (method === 'generateIdToken') {
      if (asked.audience === undefined) return apiError(400, 'INVALID_ARGUMENT', 'Audience is required.');
      const token = await this.idTokens.forAccount(account, asked.audience, asked.includeEmail === true);
      return { status: 200, body: { token } };
    }
    const { scope = [], lifetime = '3600s' } = asked;
    if (scope.length === 0 || scope.some((each) => !knownScopes.includes(each))) {
      return apiError(400, 'INVALID_ARGUMENT', 'Scope required.');
    }
    const seconds = Number(lifetime.replace(/s$/, ''));
    if (!(seconds > 0 && seconds <= 3_600)) {
      return apiError(400, 'INVALID_ARGUMENT', 'The lifetime is longer than allowed.');
    }
    const { access_token: accessToken } = this.accounts.grant(account, scope).body;
    const expireTime = new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
    return { status: 200, body: { accessToken, expireTime } };
  }

  #refuse(caller: AccessToken, email: string, permission: string): Answer | undefined {
    if (!caller.scopes.some((scope) => sufficient.includes(scope))) {
      return apiError(403, 'PERMISSION_DENIED', 'Request had insufficient authentication scopes.');
    }
    if (this.accounts.find(email)?.tokenCreators.includes(caller.email) === true) return undefined;
    return apiError(
      403,
      'PERMISSION_DENIED',
      `Permission 'iam.serviceAccounts.${permission}' denied on resource (or it may not exist).`,
    );
  }
}
