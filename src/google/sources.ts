import type { AuthClient } from 'google-auth-library';
import type { IssuerGrant } from '../core/grant.js';
import type { Secret } from '../core/secret.js';
import { credentialsFrom, loginDigestOf, unusable, type CredentialsFile } from './credentials-file.js';
import type { GoogleDriverParts } from './driver.js';
import { everythingInTheCloud } from './scopes.js';
import type { Library, Transport } from './transport.js';
import {
  actsAs,
  exchangeAddress,
  nameOfMember,
  nameOfPool,
  requireUsualUniverse,
  workloadIn,
} from './workload.js';

/** A client of the library, and what its credentials say about themselves. */
export interface Source {
  readonly client: AuthClient;
  /** Missing for a person, who is known to Google alone. */
  readonly account?: { readonly subject: string; readonly label: string };
  /** Whether the refresh token may be exchanged for another one. */
  readonly mayRotate: boolean;
  /** What its tokens allow at most, where neither the request nor the answer decides that. */
  readonly scopes?: readonly string[];
}

/** What one request for a token is made with. */
export interface Request {
  readonly library: Library;
  readonly parts: GoogleDriverParts;
  readonly grant: IssuerGrant;
  /** What the token shall allow; the library wants a list that it could change. */
  readonly scopes: string[];
  /** Goes before the one in the file. */
  readonly refreshToken: Secret | undefined;
  readonly transport: Transport;
}

/**
 * The client for what is in the file, acting as whom the grant names.
 * @throws BrokerError `token_file_unusable`
 */
export function sourceOf(request: Request, file: CredentialsFile): Source {
  const { impersonate, subject } = request.grant;
  const source = sourceFrom(request, file);
  if (impersonate === undefined) return source;
  if (subject !== undefined)
    throw unusable(file.path, 'cannot act for a "subject" and "impersonate" an account at once');
  return impersonating(request, source, impersonate, []);
}

/** The client for what is in the file, by its type. */
function sourceFrom(request: Request, file: CredentialsFile): Source {
  requireUsualUniverse(file);
  if (request.grant.subject !== undefined && file.type !== 'service_account')
    throw unusable(file.path, 'is no key of a service account, and only that can act for the "subject"');
  switch (file.type) {
    case 'authorized_user':
      return person(request, file);
    case 'service_account':
      return serviceAccount(request, file);
    case 'impersonated_service_account':
      return impersonated(request, file);
    case 'external_account':
      return workload(request, file);
    case 'external_account_authorized_user':
      return memberOfPool(request, file);
    default:
      throw unusable(
        file.path,
        `has the type ${JSON.stringify(file.type.slice(0, 80))}, which is not known here`,
      );
  }
}

/** What every client of the library is made with. */
const optionsOf = ({ transport }: Request) => ({
  transporter: transport,
  // The library would log requests and answers, tokens included, when a variable of the environment asks for it.
  useAuthRequestParameters: false,
});

function person(request: Request, file: CredentialsFile): Source {
  const { library, parts, refreshToken } = request;
  return {
    mayRotate: true,
    client: new library.UserRefreshClient({
      ...optionsOf(request),
      clientId: file.text('client_id'),
      clientSecret: file.text('client_secret'),
      refreshToken: refreshToken?.reveal() ?? file.text('refresh_token'),
      endpoints: { oauth2TokenUrl: parts.endpoints.token },
    }),
  };
}

/** The key of a service account, which acts for itself or for a person. */
function serviceAccount(request: Request, file: CredentialsFile): Source {
  const { library, grant, scopes } = request;
  const email = file.text('client_email');
  const who = grant.subject ?? email;
  return {
    mayRotate: false,
    account: { subject: who, label: who },
    client: new library.JWT({
      ...optionsOf(request),
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

/** Credentials of any other type, which act as a service account. */
function impersonated(request: Request, file: CredentialsFile): Source {
  const email = actsAs(file);
  if (email === undefined) throw unusable(file.path, 'names no service account to act as');
  const inner = credentialsFrom(file.path, file.members['source_credentials']);
  const source = sourceFrom({ ...request, scopes: [everythingInTheCloud] }, inner);
  const delegates = file.members['delegates'];
  return impersonating(request, source, email, Array.isArray(delegates) ? delegates : []);
}

/** Somebody of an organization's workforce pool, who has logged in there. */
function memberOfPool(request: Request, file: CredentialsFile): Source {
  const { library, parts, refreshToken } = request;
  const audience = file.text('audience');
  return {
    mayRotate: true,
    // Everybody of a pool has its audience; the login tells them apart.
    account: { subject: `${audience}#${loginDigestOf(file) ?? ''}`, label: nameOfPool(audience) },
    // As the login was; it is made for the cloud, and no request can narrow it.
    scopes: [everythingInTheCloud],
    client: new library.ExternalAccountAuthorizedUserClient({
      ...optionsOf(request),
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

/** A workload that is known to another platform, and proves itself by what that one gives it. */
function workload(request: Request, file: CredentialsFile): Source {
  const { library, parts, grant, scopes, transport } = request;
  const email = actsAs(file);
  const isActing = grant.impersonate !== undefined || email !== undefined;
  const { audience, ...members } = workloadIn(file, parts.endpoints);
  const client = library.ExternalAccountClient.fromJSON({
    ...members,
    ...optionsOf(request),
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

function impersonating(
  request: Request,
  source: Source,
  email: string,
  delegates: readonly unknown[],
): Source {
  const { library, parts, scopes } = request;
  return {
    mayRotate: source.mayRotate,
    account: { subject: email, label: email },
    client: new library.Impersonated({
      ...optionsOf(request),
      sourceClient: source.client,
      targetPrincipal: email,
      targetScopes: scopes,
      delegates: delegates.filter((one) => typeof one === 'string'),
      endpoint: parts.endpoints.iamCredentials,
    }),
  };
}
