import type { Account } from '../../core/account.js';
import type { Client } from '../../core/client.js';
import type { LiveCredential, Tokens } from '../../core/credential.js';
import type { ForeignClient, ForeignTokens, RenewableTokens } from '../../core/importing.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';

/** Tokens of which nobody knows when they were given out: anything is newer. */
const unknownAge = 0;

/** How long Google's access tokens live; what a file says is their end alone. */
const usualLifeMs = 3_600_000;

/**
 * When Google gave out what another program has kept, as far as that can be told from the end that it names.
 * @returns 0 when it cannot: there is none, or it is further away than it can be
 */
export function issuedByGoogleAtMs({ expiresAtMs }: ForeignTokens, nowMs: number): number {
  const issuedAtMs = expiresAtMs === undefined ? unknownAge : expiresAtMs - usualLifeMs;
  return issuedAtMs > nowMs ? unknownAge : Math.max(unknownAge, issuedAtMs);
}

/**
 * What another program has kept of a grant, as a credential that is good for nothing but being renewed.
 * @param nowMs - when it is imported, which counts as a sign-in
 * @param issuedAtMs - when its tokens were given out, if that is known
 */
export function claimFrom(
  account: Account,
  client: Client,
  resource: string,
  { accessToken, refreshToken, scopes }: RenewableTokens,
  nowMs: number,
  issuedAtMs = unknownAge,
): LiveCredential {
  const tokens: Tokens = {
    kind: 'alive',
    accessToken: accessToken ?? refreshToken,
    refreshToken,
    issuedAtMs,
    signedInAtMs: nowMs,
  };
  return { account, client, resource, generation: 1, scopes, tokens };
}

/** The client that another program has used, with the authentication that `server` takes of it. */
export function clientFrom(
  { clientId, clientSecret }: ForeignClient,
  { issuer, token_endpoint_auth_methods_supported: offered = [] }: AuthorizationServer,
  source: Client['source'],
): Client {
  const inBody = offered.includes('client_secret_post') || offered.length === 0;
  const authMethod =
    clientSecret === undefined ? 'none' : inBody ? 'client_secret_post' : 'client_secret_basic';
  return { issuer, clientId, ...(clientSecret && { clientSecret }), authMethod, source };
}
