/**
 * A grant that needs no user, so that it is repeated instead of renewed. What proves it lies in a file that somebody
 * else keeps fresh; its name is an absolute path.
 */
export type Grant = ProtocolGrant | IssuerGrant;

/** One that any issuer may have. */
export type ProtocolGrant =
  /** We speak for ourselves (RFC 6749 §4.4; MCP extension `oauth-client-credentials`). */
  | { readonly kind: 'client_credentials' }
  /** A workload speaks for itself, with a JWT of its platform (RFC 7523 §2.1; MCP extension `auth/wif`). */
  | { readonly kind: 'jwt_bearer'; readonly tokenFile: string }
  /** A token of somebody else is exchanged (RFC 8693 §2.1). */
  | { readonly kind: 'token_exchange'; readonly tokenFile: string; readonly tokenType: string }
  | IdentityAssertion;

/**
 * An organization's identity provider vouches for a user, whose ID token lies in the file (MCP extension
 * `enterprise-managed-authorization`).
 */
export interface IdentityAssertion {
  readonly kind: 'identity_assertion';
  readonly tokenFile: string;
  readonly idpIssuer: string;
  /** A client at the identity provider; what proves it, if anything does, is asked for and kept as a registration. */
  readonly idpClientId: string;
}

/** Whether both are one grant, however their members are ordered; or both none. */
export function isSameGrant(one: Grant | undefined, other: Grant | undefined): boolean {
  const text = (grant: Grant | undefined) => JSON.stringify(Object.entries(grant ?? {}).sort());
  return text(one) === text(other);
}

/** A grant that only one issuer has, and its driver asks for: Google's credentials in their many kinds. */
export interface IssuerGrant {
  readonly kind: 'google';
  /** A JSON file with credentials; the application default credentials of this computer when missing. */
  readonly credentialsFile?: string;
  /** The person that a service account acts for (domain-wide delegation). */
  readonly subject?: string;
  /** The service account to act as. */
  readonly impersonate?: string;
  /** What an ID token is wanted for, instead of an access token. */
  readonly audience?: string;
}

/**
 * Whether such a grant is a login that another program has made and keeps in a file. It is only borrowed: no sign-in
 * here renews it, and none is ended here.
 */
export const isBorrowedLogin = (grant: Grant | undefined): grant is IssuerGrant => grant?.kind === 'google';

/**
 * Under which client a credential of such a grant is kept. It names the grant, so that no server which is configured
 * otherwise uses it; it holds no secret.
 */
export const clientIdOfGrant = ({ credentialsFile, subject, impersonate, audience }: IssuerGrant): string =>
  JSON.stringify(['google', credentialsFile ?? null, subject ?? null, impersonate ?? null, audience ?? null]);
