import * as oauth from 'oauth4webapi';
import type { LiveCredential } from '../core/credential.js';
import type { Fetch } from '../core/ports.js';
import type { AuthorizationServer } from './authorization-server.js';
import { clientAuthentication, wire, wireClient } from './wire.js';

/**
 * Tells the issuer that the grant behind `credential` is no longer wanted.
 * @returns false when the issuer offers no revocation, or refused it
 * @throws BrokerError `issuer_unreachable`, `tls_untrusted`, `address_refused`
 * @see RFC 7009 §2.1: revoking the refresh token ends the grant; without one, the access token is revoked
 */
export async function revokeGrant(
  fetch: Fetch,
  server: AuthorizationServer,
  credential: LiveCredential,
): Promise<boolean> {
  if (server.revocation_endpoint === undefined) return false;
  const { client, tokens } = credential;
  const [token, hint] =
    tokens.refreshToken === undefined
      ? [tokens.accessToken, 'access_token']
      : [tokens.refreshToken, 'refresh_token'];
  const response = await oauth.revocationRequest(
    server,
    wireClient(client),
    clientAuthentication(client),
    token.reveal(),
    { ...wire(fetch, server), additionalParameters: { token_type_hint: hint } },
  );
  return response.status === 200;
}
