import type { AuthClient } from 'google-auth-library';
import type { Account } from '../core/account.js';
import { applicationDefaultPath } from '../core/default-credentials.js';
import { BrokerError } from '../core/errors.js';
import type { IssuerGrant } from '../core/grant.js';
import type { IssuedToken, IssuerAnswer, IssuerGrantWishes } from '../core/issuer-driver.js';
import type { Fetch } from '../core/ports.js';
import { redacted } from '../core/redaction.js';
import { Secret } from '../core/secret.js';
import { readAnswerOf } from './answer.js';
import {
  credentialsFrom,
  loginDigestOf,
  readCredentialsFile,
  secretsIn,
  unusable,
  type CredentialsFile,
} from './credentials-file.js';
import type { GoogleDriverParts } from './driver.js';
import { claimsOf } from './id-token.js';
import {
  actsAs,
  exchangeAddress,
  nameOfMember,
  nameOfPool,
  requireUsualUniverse,
  workloadIn,
} from './workload.js';
import { quotaProjectFor } from './quota-project.js';
import { everythingInTheCloud } from './scopes.js';
import { transportOf, type Library, type Transport } from './transport.js';

/** As for every other request that is no tool call. */
const answerLimitMs = 30_000;

/** A client of the library, and what its credentials say about themselves. */
interface Source {
  readonly client: AuthClient;
  /** Missing for a person, who is known to Google alone. */
  readonly account?: { readonly subject: string; readonly label: string };
  /** Whether the refresh token may be exchanged for another one. */
  readonly mayRotate: boolean;
  /** What its tokens allow at most, where neither the request nor the answer decides that. */
  readonly scopes?: readonly string[];
}

interface Request {
  readonly library: Library;
  readonly parts: GoogleDriverParts;
  readonly grant: IssuerGrant;
  readonly scopes: string[];
  readonly refreshToken: Secret | undefined;
  readonly transport: Transport;
}

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
  const source = actingAs(request, sourceFrom(request, file), path);
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
    const sent = [...secretsIn(file), ...(refreshToken ? [refreshToken] : [])];
    return withoutOurs(readAnswerOf(error, failure, path, exchanged), sent);
  }
}

/** The words of a refusal are logged and shown, so nothing that was sent may come back in them. */
function withoutOurs(answer: IssuerAnswer, sent: readonly Secret[]): IssuerAnswer {
  if (answer.kind !== 'refused') return answer;
  return { ...answer, description: redacted(answer.description, sent) };
}

/** The client for what is in the file, by its type. */
function sourceFrom(request: Request, file: CredentialsFile): Source {
  const { library, parts, grant, scopes, refreshToken, transport } = request;
  // The library would log requests and answers, tokens included, when a variable of the environment asks for it.
  const options = { transporter: transport, useAuthRequestParameters: false };
  requireUsualUniverse(file);
  if (grant.subject !== undefined && file.type !== 'service_account')
    throw unusable(file.path, 'is no key of a service account, and only that can act for the "subject"');
  switch (file.type) {
    case 'authorized_user':
      return {
        mayRotate: true,
        client: new library.UserRefreshClient({
          ...options,
          clientId: file.text('client_id'),
          clientSecret: file.text('client_secret'),
          refreshToken: refreshToken?.reveal() ?? file.text('refresh_token'),
          endpoints: { oauth2TokenUrl: parts.endpoints.token },
        }),
      };
    case 'service_account': {
      const email = file.text('client_email');
      const who = grant.subject ?? email;
      return {
        mayRotate: false,
        account: { subject: who, label: who },
        client: new library.JWT({
          ...options,
          email,
          key: file.text('private_key'),
          ...(grant.subject !== undefined && { subject: grant.subject }),
          // An ID token has no scopes; whoever acts as another account needs them for that.
          ...(grant.audience === undefined || grant.impersonate !== undefined
            ? { scopes: grant.impersonate === undefined ? scopes : [everythingInTheCloud] }
            : {}),
        }),
      };
    }
    case 'impersonated_service_account': {
      const email = actsAs(file);
      if (email === undefined) throw unusable(file.path, 'names no service account to act as');
      const inner = credentialsFrom(file.path, file.members['source_credentials']);
      const source = sourceFrom({ ...request, scopes: [everythingInTheCloud] }, inner);
      const delegates = file.members['delegates'];
      return impersonating(request, source, email, Array.isArray(delegates) ? delegates : []);
    }
    case 'external_account':
      return externalSource(request, file, options);
    case 'external_account_authorized_user': {
      const audience = file.text('audience');
      return {
        mayRotate: true,
        // Everybody of a pool has its audience; the login tells them apart.
        account: { subject: `${audience}#${loginDigestOf(file) ?? ''}`, label: nameOfPool(audience) },
        // As the login was; it is made for the cloud, and no request can narrow it.
        scopes: [everythingInTheCloud],
        client: new library.ExternalAccountAuthorizedUserClient({
          ...options,
          type: 'external_account_authorized_user',
          audience,
          client_id: file.text('client_id'),
          client_secret: file.text('client_secret'),
          refresh_token: refreshToken?.reveal() ?? file.text('refresh_token'),
          token_url: exchangeAddress(file, parts.endpoints, 'token_url', '/v1/oauthtoken'),
          token_info_url: exchangeAddress(file, parts.endpoints, 'token_info_url', '/v1/introspect'),
        }),
      };
    }
    default:
      throw unusable(
        file.path,
        `has the type ${JSON.stringify(file.type.slice(0, 80))}, which is not known here`,
      );
  }
}

/** A workload that is known to another platform, and proves itself by what that one gives it. */
function externalSource(
  request: Request,
  file: CredentialsFile,
  options: { readonly transporter: Transport; readonly useAuthRequestParameters: boolean },
): Source {
  const { library, parts, grant, scopes, transport } = request;
  const email = actsAs(file);
  const isActing = grant.impersonate !== undefined || email !== undefined;
  const { audience, ...members } = workloadIn(file, parts.endpoints);
  const client = library.ExternalAccountClient.fromJSON({
    ...members,
    ...options,
    audience,
    scopes: isActing ? [everythingInTheCloud] : scopes,
  });
  if (client === null) throw unusable(file.path, 'holds no credentials of a workload');
  // The library gives the exchange a transport of its own, which goes past ours.
  const exchange: unknown = Reflect.get(client, 'stsCredential');
  if (typeof exchange !== 'object' || exchange === null || !Reflect.set(exchange, 'transporter', transport))
    throw new TypeError('Google’s library exchanges tokens in another way than it did.');
  const source: Source = {
    client,
    account: { subject: nameOfMember(audience, members.credential_source), label: nameOfPool(audience) },
    mayRotate: false,
  };
  return email === undefined ? source : impersonating(request, source, email, []);
}

function actingAs(request: Request, source: Source, path: string): Source {
  const { impersonate, subject } = request.grant;
  if (impersonate === undefined) return source;
  if (subject !== undefined)
    throw unusable(path, 'cannot act for a "subject" and "impersonate" an account at once');
  return impersonating(request, source, impersonate, []);
}

function impersonating(
  { library, parts, scopes, transport }: Request,
  source: Source,
  email: string,
  delegates: readonly unknown[],
): Source {
  return {
    mayRotate: source.mayRotate,
    account: { subject: email, label: email },
    client: new library.Impersonated({
      transporter: transport,
      useAuthRequestParameters: false,
      sourceClient: source.client,
      targetPrincipal: email,
      targetScopes: scopes,
      delegates: delegates.filter((one) => typeof one === 'string'),
      endpoint: parts.endpoints.iamCredentials,
    }),
  };
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
