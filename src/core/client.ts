import type { Secret } from './secret.js';

/** How a client can prove itself at the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`). */
export const clientAuthMethods = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
] as const;

export type ClientAuthMethod = (typeof clientAuthMethods)[number];

/**
 * Where a client comes from.
 * - `configured`: its id stands in the settings
 * - `entered`: the user typed it in when asked
 * - `metadata-document`: its id is the address of a document that describes us
 * - `dynamic`: the issuer registered us
 */
export const clientSources = ['configured', 'entered', 'metadata-document', 'dynamic'] as const;

/** How a registration that an issuer made can be deleted again (RFC 7592 §3); missing where that is not offered. */
export interface ClientManagement {
  readonly uri: string;
  readonly token: Secret;
}

/**
 * Whether somebody looks after `client` at its issuer, who may have it taken again; a registration that an issuer made
 * by itself and has forgotten is gone.
 */
export const isLookedAfter = ({ source }: Client): boolean => source !== 'dynamic';

/** Whether both prove themselves with the same. */
export const haveSameProof = (one: Client, other: Client): boolean =>
  one.clientSecret?.reveal() === other.clientSecret?.reveal() &&
  one.privateKey?.reveal() === other.privateKey?.reveal();

/** Our registration at an issuer. */
export interface Client {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: Secret;
  /** For `private_key_jwt`: the key as PKCS #8 in PEM. */
  readonly privateKey?: Secret;
  readonly authMethod: ClientAuthMethod;
  readonly source: (typeof clientSources)[number];
  /**
   * The redirect URI that was registered. The same port is taken again when it is free, for authorization servers
   * that compare it exactly although RFC 8252 §7.3 tells them to accept any loopback port.
   */
  readonly redirectUri?: string;
  /** Others that were registered with it, in the order in which they are taken when the port of that one is not free. */
  readonly otherRedirectUris?: readonly string[];
  /** The issuer takes these redirect URIs to the letter, host, port and path, so there is no coming back to another. */
  readonly isRedirectFixed?: true;
  /** Of a dynamic one, as what follows; kept with the registration alone, and not with credentials. */
  readonly management?: ClientManagement;
  /** What it may ask for as far as it was told; missing where it was registered without a word about that. */
  readonly scopes?: readonly string[];
  /** When its secret ends; missing for one that does not. */
  readonly secretEndsAtMs?: number;
}
