import * as oauth from 'oauth4webapi';
import type { LiveCredential } from '../core/credential.js';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import type { AuthorizationServer } from './authorization-server.js';
import { clientAuthentication, wire, wireClient } from './wire.js';

/** What the issuer says about a grant. `unknown` says nothing about it: many issuers let only servers ask. */
export type GrantWord = 'active' | 'inactive' | 'unknown';

/**
 * Asks the issuer of `credential` whether its refresh token is still good, without using it up.
 * @returns `unknown` when the issuer offers no introspection, does not let us use it, or answers with something else
 * @throws BrokerError `issuer_unreachable`, also for a status that may pass; `tls_untrusted`, `address_refused`; or
 *   the signal's reason
 * @see RFC 7662 §2
 */
export async function introspectGrant(
  fetch: Fetch,
  server: AuthorizationServer,
  credential: LiveCredential,
  refreshToken: Secret,
  signal: AbortSignal,
): Promise<GrantWord> {
  if (server.introspection_endpoint === undefined) return 'unknown';
  const client = wireClient(credential.client);
  const response = await oauth.introspectionRequest(
    server,
    client,
    clientAuthentication(credential.client),
    refreshToken.reveal(),
    { ...wire(fetch, server, signal), additionalParameters: { token_type_hint: 'refresh_token' } },
  );
  const { status } = response;
  if (status >= 500 || status === 408 || status === 429) {
    throw new BrokerError('issuer_unreachable', `The introspection endpoint answers ${status}.`, {
      details: { status },
    });
  }
  try {
    const { active } = await oauth.processIntrospectionResponse(server, client, response);
    return active ? 'active' : 'inactive';
  } catch {
    // What kept it from answering is the issuer's business; only its word would be ours.
    return 'unknown';
  }
}
