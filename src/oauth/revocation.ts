import * as oauth from 'oauth4webapi';
import type { LiveCredential } from '../core/credential.js';
import type { Fetch } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import type { AuthorizationServer } from './authorization-server.js';
import { clientAuthentication, wire, wireClient } from './wire.js';

/**
 * Tells the issuer that the grant behind `credential` is no longer wanted.
 * @returns false when the issuer offers no revocation, or refused it
 * @throws BrokerError `issuer_unreachable`, `tls_untrusted`, `address_refused`
 * @see RFC 7009 §2.1: revoking the refresh token ends the grant, and should end the access tokens of it
 */
export async function revokeGrant(
  fetch: Fetch,
  server: AuthorizationServer,
  credential: LiveCredential,
): Promise<boolean> {
  if (server.revocation_endpoint === undefined) return false;
  const { client, tokens } = credential;
  const revoke = async (token: Secret, hint: string): Promise<boolean> => {
    const response = await oauth.revocationRequest(
      server,
      wireClient(client),
      clientAuthentication(client),
      token.reveal(),
      { ...wire(fetch, server), additionalParameters: { token_type_hint: hint } },
    );
    return response.status === 200;
  };
  const { accessToken, refreshToken } = tokens;
  if (refreshToken === undefined) return revoke(accessToken, 'access_token');
  const isRevoked = await revoke(refreshToken, 'refresh_token');
  // Most servers end the access token with the grant, and all should; it has not long to live where they do not.
  await revoke(accessToken, 'access_token').catch(() => false);
  return isRevoked;
}
