import * as oauth from 'oauth4webapi';
import { isSameIssuer, parseAddress } from '../core/address.js';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import type { Quirk } from '../core/quirk.js';
import { guardedFetch } from './guarded-fetch.js';
import { findDocument } from './metadata-document.js';
import { wellTyped } from './well-typed.js';

/** Under which an authorization server carries what is known about it: no document of a server can say that. */
export const quirks = Symbol('quirks');

/** The authorization server's metadata (RFC 8414), checked to be its own. */
export interface AuthorizationServer extends oauth.AuthorizationServer {
  readonly [quirks]?: Partial<Quirk>;
}

/**
 * Fetches the metadata of `issuer`, from the addresses and in the order that MCP demands. A server of MCP 2025-03-26
 * may be its own authorization server and publish nothing: then its endpoints are where that revision puts them.
 * @param resource - what the tokens are for; undefined when they name no audience
 * @param namedBy - the address of the server that named this issuer; undefined when the user did, by a setting or by
 *   signing in there before
 * @throws BrokerError `metadata_missing`; `issuer_mismatch` when the document names another issuer;
 *   `issuer_unreachable`, `tls_untrusted`, `address_refused`, `network_refused` from the requests
 * @see MCP authorization 2026-07-28, "Authorization Server Metadata Discovery"; RFC 8414 §3.3
 */
export async function discoverAuthorizationServer(
  fetch: Fetch,
  issuer: string,
  resource: string | undefined,
  signal: AbortSignal,
  namedBy?: string,
): Promise<AuthorizationServer> {
  const url = parseAddress(issuer);
  const details = { issuer };
  const found = await findDocument(
    guardedFetch(fetch),
    metadataAddresses(url),
    (document) => typeof document['issuer'] === 'string',
    signal,
    namedBy,
  );
  if (found === undefined) {
    if (resource !== undefined && issuer === new URL(resource).origin) return withDefaultEndpoints(issuer);
    throw new BrokerError('metadata_missing', `${url.host} publishes no authorization server metadata.`, {
      details,
    });
  }
  const unusable = (cause?: unknown) =>
    new BrokerError('metadata_missing', `The metadata at ${found.address} is unusable.`, { cause, details });
  const another = (cause?: unknown) =>
    new BrokerError('issuer_mismatch', `The metadata at ${found.address} is another issuer's.`, {
      cause,
      details,
    });
  let server: AuthorizationServer;
  try {
    server = wellTyped(await oauth.processDiscoveryResponse(url, found.response));
  } catch (cause) {
    const isOther =
      cause instanceof oauth.OperationProcessingError && cause.code === oauth.JSON_ATTRIBUTE_COMPARISON;
    if (isOther) throw another(cause);
    throw unusable(cause);
  }
  // oauth4webapi compares addresses, which may be equal although the texts are not.
  if (!isSameIssuer(server.issuer, issuer)) throw another();
  // Nobody need sign in where no token can be had (RFC 8414 §2).
  if (server.token_endpoint === undefined) throw unusable();
  return server;
}

/** MCP authorization 2025-03-26, "Fallbacks for Servers without Metadata Discovery"; that revision demands PKCE of all. */
const withDefaultEndpoints = (issuer: string): AuthorizationServer => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  registration_endpoint: `${issuer}/register`,
  code_challenge_methods_supported: ['S256'],
});

/** Where the metadata of an issuer may be, in the order in which MCP demands to try. */
export function metadataAddresses(issuer: URL): string[] {
  const { origin } = issuer;
  const path = issuer.pathname.replace(/\/$/, '');
  const oauthAddress = `${origin}/.well-known/oauth-authorization-server${path}`;
  const inserted = `${origin}/.well-known/openid-configuration${path}`;
  return path === ''
    ? [oauthAddress, inserted]
    : [oauthAddress, inserted, `${origin}${path}/.well-known/openid-configuration`];
}

/**
 * Refuses an authorization server that does not say it checks PKCE with S256.
 * @throws BrokerError `pkce_unsupported`
 * @see MCP authorization 2026-07-28, "Authorization Code Protection"
 */
export function requirePkce(server: AuthorizationServer): void {
  const { code_challenge_methods_supported: methods, [quirks]: quirk } = server;
  // An exception is for silence; who says that S256 is not checked is believed.
  if (methods?.includes('S256') ?? quirk?.assumePkce === true) return;
  throw new BrokerError(
    'pkce_unsupported',
    `${JSON.stringify(server.issuer)} does not advertise PKCE with S256.`,
    {
      details: { issuer: server.issuer },
    },
  );
}
