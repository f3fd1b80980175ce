import { decodeJwt } from 'jose';
import { type Answer, apiError, refusal } from './google-answers.js';
import { identityScopes } from './google-scopes.js';
import type { AccessToken, AccessTokens, GoogleClock } from './google-tokens.js';
import { hostedDomain } from './google-users.js';
import type { IdTokens } from './id-tokens.js';

const [, emailScope = '', profileScope = ''] = identityScopes;

/** What the userinfo endpoint says about the bearer of a token, as far as the token's scopes allow. */
export function userInfo(authorization: string | undefined, access: AccessTokens): Answer {
  const text = bearer(authorization);
  if (text === undefined) {
    return apiError(
      401,
      'UNAUTHENTICATED',
      'Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
    );
  }
  const token = access.find(text);
  if (token === undefined || !token.scopes.some(isIdentity(token))) {
    return {
      ...refusal(401, 'invalid_request', 'Invalid Credentials'),
      headers: { 'www-authenticate': 'Bearer realm="https://accounts.google.com/", error="invalid_token"' },
    };
  }
  const hd = token.kind === 'person' ? hostedDomain(token) : undefined;
  return {
    status: 200,
    body: {
      sub: token.subject,
      ...(token.scopes.includes(profileScope) ? { name: token.name, given_name: token.name } : {}),
      ...(mayTellEmail(token) ? { email: token.email, email_verified: true, ...(hd && { hd }) } : {}),
    },
  };
}

/** A service account's address is no secret of anybody's: any of its tokens tells it. */
const isIdentity =
  ({ kind }: AccessToken) =>
  (scope: string): boolean =>
    kind === 'service-account' || identityScopes.includes(scope);

const mayTellEmail = ({ kind, scopes }: AccessToken): boolean =>
  kind === 'service-account' || scopes.includes(emailScope);

/** What a token is, for whoever holds it. */
export async function tokenInfo(
  asked: URLSearchParams,
  authorization: string | undefined,
  access: AccessTokens,
  idTokens: IdTokens,
  clock: GoogleClock,
): Promise<Answer> {
  const invalid = refusal(400, 'invalid_token', 'Invalid Value');
  const idToken = asked.get('id_token');
  if (idToken !== null) {
    const audience = [decodeAudience(idToken)].flat();
    const judged = await idTokens.judge(idToken, audience);
    return typeof judged === 'string' ? invalid : { status: 200, body: decodeJwt(idToken) };
  }
  const token = access.find(asked.get('access_token') ?? bearer(authorization) ?? '');
  if (token === undefined) return invalid;
  const expiresIn = Math.floor((token.expiresAtMs - clock.nowMs()) / 1000);
  return {
    status: 200,
    body: {
      azp: token.clientId,
      aud: token.clientId,
      ...(token.scopes.some(isIdentity(token)) ? { sub: token.subject } : {}),
      scope: token.scopes.join(' '),
      exp: `${Math.floor(token.expiresAtMs / 1000)}`,
      expires_in: `${expiresIn}`,
      ...(mayTellEmail(token) ? { email: token.email, email_verified: 'true' } : {}),
      access_type: token.kind === 'person' ? 'offline' : 'online',
    },
  };
}

function decodeAudience(idToken: string): string | string[] {
  try {
    return decodeJwt(idToken).aud ?? [];
  } catch {
    return [];
  }
}

const bearer = (authorization = ''): string | undefined => /^Bearer +(\S+)$/i.exec(authorization)?.[1];
