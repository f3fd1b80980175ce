import { parseAddress } from '../core/address.js';
import type { ClientManagement } from '../core/client.js';
import type { Fetch } from '../core/ports.js';
import { Secret } from '../core/secret.js';
import type { AuthorizationServer } from './authorization-server.js';
import { guardedFetch } from './guarded-fetch.js';

/**
 * How a registration that was just made can be managed.
 * @param registered - the answer to the registration, as it came
 * @returns undefined when the server offers no management, or nothing that could be used for it, or an
 *   address that is not its own
 * @see RFC 7592 §3
 */
export function managementOf(
  { issuer, registration_endpoint: endpoint }: AuthorizationServer,
  registered: Readonly<Record<string, unknown>>,
): ClientManagement | undefined {
  const { registration_client_uri: uri, registration_access_token: token } = registered;
  if (typeof uri !== 'string' || typeof token !== 'string' || token === '') return undefined;
  try {
    const { origin } = parseAddress(uri);
    // What is sent there is worth our registration to whoever gets it.
    if (![issuer, endpoint].some((home) => home !== undefined && new URL(home).origin === origin))
      return undefined;
  } catch {
    return undefined; // The registration itself is good; it just cannot be deleted.
  }
  return { uri, token: new Secret(token) };
}

/**
 * Deletes our registration at `server`.
 * @returns whether it is gone
 * @throws BrokerError `issuer_unreachable`, `tls_untrusted`, `address_refused`, `network_refused`
 * @see RFC 7592 §2.3
 */
export async function deleteRegistration(
  fetch: Fetch,
  { issuer: namedBy }: AuthorizationServer,
  { uri, token }: ClientManagement,
): Promise<boolean> {
  const headers = { authorization: `Bearer ${token.reveal()}` };
  const { status } = await guardedFetch(fetch)(uri, { method: 'DELETE', headers, namedBy });
  // 401 is what RFC 7592 §2.3 answers about a client that does not exist.
  return status === 204 || status === 200 || status === 401;
}
