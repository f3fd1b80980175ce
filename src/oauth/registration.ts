import * as oauth from 'oauth4webapi';
import type { Client } from '../core/client.js';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import { Secret } from '../core/secret.js';
import { requirePkce, type AuthorizationServer } from './authorization-server.js';
import { wire } from './wire.js';

/**
 * Registers us at `server` as a native public client.
 * @returns the client as the server made it, which may be a confidential one although we asked for none
 * @throws BrokerError `pkce_unsupported`; `registration_unsupported` when the server registers no clients; `registration_refused` with
 *   its reason, quoted, in `details.reason`; `issuer_unreachable`, `tls_untrusted`, `address_refused`
 * @see RFC 7591 §3; MCP authorization 2026-07-28, "Dynamic Client Registration" (`application_type`)
 */
export async function registerClient(
  fetch: Fetch,
  server: AuthorizationServer,
  redirectUri: string,
  signal: AbortSignal,
): Promise<Client> {
  const details = { issuer: server.issuer };
  requirePkce(server); // Nobody is registered where no sign-in would follow.
  if (server.registration_endpoint === undefined) {
    throw new BrokerError('registration_unsupported', `${server.issuer} registers no clients.`, { details });
  }
  const request = {
    client_name: 'MCP Credential Broker',
    application_type: 'native',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  const response = await oauth.dynamicClientRegistrationRequest(server, request, wire(fetch, signal));
  if (response.status >= 500 || response.status === 429) {
    throw new BrokerError('issuer_unreachable', `Registration answers ${response.status}.`, { details });
  }
  try {
    const registered = await oauth.processDynamicClientRegistrationResponse(asCreated(response));
    return {
      issuer: server.issuer,
      clientId: registered.client_id,
      ...secretOf(registered['client_secret'], registered['token_endpoint_auth_method']),
      source: 'dynamic',
      redirectUri,
    };
  } catch (cause) {
    const reason =
      cause instanceof oauth.ResponseBodyError
        ? `${cause.error}: ${cause.error_description ?? ''}`
        : 'no usable answer';
    throw new BrokerError('registration_refused', `${server.issuer} refused to register us.`, {
      cause,
      details: { ...details, reason: JSON.stringify(reason) },
    });
  }
}

/** RFC 7591 §3.2.1 demands 201, and some servers answer 200. */
const asCreated = (response: Response): Response =>
  response.status === 200
    ? new Response(response.body, { status: 201, headers: response.headers })
    : response;

/** RFC 7591 §2: a server that returns a secret and names no method means `client_secret_basic`. */
function secretOf(secret: unknown, method: unknown): Pick<Client, 'clientSecret' | 'authMethod'> {
  if (typeof secret !== 'string' || secret === '' || method === 'none') return { authMethod: 'none' };
  const authMethod = method === 'client_secret_post' ? method : 'client_secret_basic';
  return { clientSecret: new Secret(secret), authMethod };
}
