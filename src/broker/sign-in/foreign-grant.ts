import type { Account } from '../../core/account.js';
import type { Client } from '../../core/client.js';
import type { LiveCredential, Tokens } from '../../core/credential.js';
import type { ForeignClient, ForeignTokens } from '../../core/importing.js';
import type { Secret } from '../../core/secret.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';

/** Without an end of their own, tokens are taken to have been given out when time began: anything is newer. */
const unknownAge = 0;

/** How long Google's access tokens live; what a file says is their end alone. */
const usualLifeMs = 3_600_000;

/**
 * What another program has kept of a grant, as a credential here; its age is the least that it can be.
 * @param accessToken - what it has, or what stands in for it until there is one
 * @param nowMs - when it is imported, which counts as a sign-in
 */
export function credentialFrom(
  account: Account,
  client: Client,
  resource: string,
  { refreshToken, scopes, expiresAtMs }: ForeignTokens,
  accessToken: Secret,
  nowMs: number,
): LiveCredential {
  const tokens: Tokens = {
    kind: 'alive',
    accessToken,
    ...(refreshToken && { refreshToken }),
    issuedAtMs: expiresAtMs === undefined ? unknownAge : Math.max(0, expiresAtMs - usualLifeMs),
    signedInAtMs: nowMs,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
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
