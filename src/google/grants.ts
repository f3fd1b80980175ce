import type { Account } from '../core/account.js';
import { applicationDefaultPath } from '../core/default-credentials.js';
import { BrokerError } from '../core/errors.js';
import type { IssuerGrant } from '../core/grant.js';
import type { IssuedToken, IssuerAnswer, IssuerGrantWishes } from '../core/issuer-driver.js';
import type { Fetch } from '../core/ports.js';
import { redacted } from '../core/redaction.js';
import { Secret } from '../core/secret.js';
import { readAnswerOf } from './answer.js';
import { loginDigestOf, readCredentialsFile, secretsIn, unusable } from './credentials-file.js';
import type { GoogleDriverParts } from './driver.js';
import { claimsOf } from './id-token.js';
import { quotaProjectFor } from './quota-project.js';
import { sourceOf, type Request, type Source } from './sources.js';
import { transportOf, type Library } from './transport.js';

/** As for every other request that is no tool call. */
const answerLimitMs = 30_000;

/** As `IssuerDriver.request`; every request has a client of the library of its own, so that nothing is remembered in one. */
export async function requestByLibrary(
  library: Library,
  parts: GoogleDriverParts,
  grant: IssuerGrant,
  wishes: IssuerGrantWishes,
  fetch: Fetch,
): Promise<IssuerAnswer> {
  const path = grant.credentialsFile ?? applicationDefaultPath(parts);
  const file = await readCredentialsFile(parts.readTextFile, path);
  const { endpoints, limitMs = answerLimitMs } = parts;
  const transport = transportOf(library, fetch, endpoints.token, limitMs);
  const scopes = [...wishes.scopes];
  const loginDigest = loginDigestOf(file);
  // Whoever has logged in since is who is meant.
  const refreshToken = loginDigest === wishes.loginDigest ? wishes.refreshToken : undefined;
  const request = { library, parts, grant, scopes, refreshToken, transport };
  const source = sourceOf(request, file);
  const { audience } = grant;
  // The library would sign a token for whole services itself, or Google would grant what nobody has agreed to.
  if (audience === undefined && scopes.length === 0) throw new TypeError('No scope was asked for.');
  try {
    const token =
      audience === undefined
        ? await accessToken(request, source)
        : await idToken(request, source, audience, path);
    const quotaProject = quotaProjectFor(parts, grant, file);
    return {
      kind: 'granted',
      token: {
        ...token,
        ...(loginDigest !== undefined && { loginDigest }),
        ...(quotaProject !== undefined && { quotaProject }),
      },
    };
  } catch (error) {
    const { rotated, failure } = transport;
    const isExchanged = rotated !== undefined && source.mayRotate;
    const login = loginDigest === undefined ? {} : { loginDigest };
    const exchanged = isExchanged ? { refreshToken: rotated, ...login } : undefined;
    const sent = [...secretsIn(file), ...transport.sent];
    return withoutOurs(readAnswerOf(error, failure, path, exchanged), sent);
  }
}

/** The words of a refusal are logged and shown, so nothing that was sent may come back in them. */
function withoutOurs(answer: IssuerAnswer, sent: readonly Secret[]): IssuerAnswer {
  if (answer.kind !== 'refused') return answer;
  return { ...answer, description: redacted(answer.description, sent) };
}

async function accessToken(request: Request, source: Source): Promise<IssuedToken> {
  const { client } = source;
  const { token } = await client.getAccessToken();
  if (typeof token !== 'string' || token === '') throw new TypeError('Google’s library brought no token.');
  const { scope } = client.credentials;
  const { lifetimeSeconds } = request.transport;
  return {
    accessToken: new Secret(token),
    ...accountIn(request, source.account),
    ...(lifetimeSeconds !== undefined && { lifetimeSeconds }),
    ...(source.scopes && { scopes: source.scopes }),
    ...(scope != null && scope !== '' && { scopes: scope.split(' ') }),
    ...rotatedIn(request, source),
  };
}

async function idToken(
  request: Request,
  source: Source,
  audience: string,
  path: string,
): Promise<IssuedToken> {
  const { client } = source;
  const { library } = request;
  if (!(
    client instanceof library.JWT ||
    client instanceof library.Impersonated ||
    client instanceof library.UserRefreshClient
  ))
    throw noIdTokens(path);
  const token = await client.fetchIdToken(audience);
  const claims = claimsOf(token);
  // It is sent to whoever it names, so it has to name nobody else.
  if (claims?.audience !== audience) {
    // Google gives a person one for the client of the login, whatever is asked for.
    if (client instanceof library.UserRefreshClient) throw noIdTokens(path);
    throw new BrokerError('token_answer_invalid', 'The ID token is for another audience.');
  }
  const { subject, email, lifetimeSeconds } = claims;
  if (source.account && email !== undefined && email.toLowerCase() !== source.account.subject.toLowerCase())
    throw new BrokerError('token_answer_invalid', 'The ID token is of another account.');
  const person = subject === undefined ? undefined : { subject, label: email ?? subject };
  return {
    accessToken: new Secret(token),
    ...accountIn(request, source.account ?? person),
    ...(lifetimeSeconds > 0 && { lifetimeSeconds }),
    scopes: [],
    ...rotatedIn(request, source),
  };
}

const noIdTokens = (path: string): BrokerError =>
  unusable(path, 'can give no ID tokens; name a service account as "impersonate"');

const accountIn = (
  { parts }: Request,
  who: Pick<Account, 'subject' | 'label'> | undefined,
): { readonly account?: Account } =>
  who === undefined ? {} : { account: { issuer: parts.endpoints.issuer, ...who } };

const rotatedIn = (
  { transport, refreshToken }: Request,
  { mayRotate }: Source,
): { readonly refreshToken?: Secret } => {
  const kept = transport.rotated ?? refreshToken;
  return mayRotate && kept !== undefined ? { refreshToken: kept } : {};
};
