import * as oauth from 'oauth4webapi';
import { isLoopback } from '../core/address.js';
import type { Client } from '../core/client.js';
import { BrokerError, hasCode } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import { redacted } from '../core/redaction.js';
import { Secret } from '../core/secret.js';
import { normalizedRegistration, readAnswer } from './normalized-answer.js';
import { deviceCodeGrant } from './device-code.js';
import { requirePkce, type AuthorizationServer } from './authorization-server.js';
import { managementOf } from './registration-management.js';
import { wire } from './wire.js';

/**
 * Registers us at `server`: as a public client, or one with a secret where only those are served.
 * @param redirectUri - where the browser comes back; undefined for a client that signs in by device codes alone
 * @param scopes - what it is going to ask for. Servers may refuse whatever a client has not registered, and some
 *   refuse to register any: Keycloak those that its policy does not name, others those of the resource. Such a server is
 *   asked once more without, and so is one that fails with status 500
 * @returns the client as the server made it, which may be a confidential one although we asked for none
 * @throws BrokerError `pkce_unsupported`; `registration_unsupported` when the server registers no clients; `registration_refused` with
 *   its reason, quoted, in `details.reason`; `issuer_unreachable`, `tls_untrusted`, `address_refused`
 * @see RFC 7591 §3; MCP authorization 2026-07-28, "Dynamic Client Registration" (`application_type`)
 */
export async function registerClient(
  fetch: Fetch,
  server: AuthorizationServer,
  redirectUri: string | undefined,
  signal: AbortSignal,
  scopes: readonly string[] = [],
): Promise<Client> {
  if (redirectUri !== undefined) requirePkce(server); // Nobody is registered where no sign-in would follow.
  if (server.registration_endpoint === undefined) {
    throw new BrokerError('registration_unsupported', `${server.issuer} registers no clients.`, {
      details: { issuer: server.issuer },
    });
  }
  const request = registrationOf(server, redirectUri);
  const scope = scopes.join(' ');
  try {
    const client = await registeredAs(fetch, server, { ...request, ...(scope !== '' && { scope }) }, signal);
    return { ...client, ...(redirectUri !== undefined && { redirectUri }), scopes };
  } catch (error) {
    if (scope === '' || !(isRefusal(error) || isStumble(error))) throw error;
    const client = await registeredAs(fetch, server, request, signal);
    return { ...client, ...(redirectUri !== undefined && { redirectUri }) };
  }
}

/** A client's metadata, as far as they are the same whatever it will ask for. */
function registrationOf(server: AuthorizationServer, redirectUri: string | undefined) {
  const offersDeviceCodes = server.device_authorization_endpoint !== undefined;
  return {
    client_name: 'MCP Credential Broker',
    application_type: redirectUri === undefined || isNative(redirectUri) ? 'native' : 'web',
    redirect_uris: redirectUri === undefined ? [] : [redirectUri],
    grant_types: [
      ...(redirectUri === undefined ? [] : ['authorization_code']),
      'refresh_token',
      ...(offersDeviceCodes ? [deviceCodeGrant] : []),
    ],
    response_types: redirectUri === undefined ? [] : ['code'],
    token_endpoint_auth_method: methodToAskFor(server),
  };
}

async function registeredAs(
  fetch: Fetch,
  server: AuthorizationServer,
  request: Readonly<Record<string, oauth.JsonValue>>,
  signal: AbortSignal,
): Promise<Client> {
  const details = { issuer: server.issuer };
  const response = await oauth.dynamicClientRegistrationRequest(server, request, wire(fetch, server, signal));
  if (response.status >= 500 || response.status === 429) {
    throw new BrokerError('issuer_unreachable', `Registration answers ${response.status}.`, {
      details: { ...details, status: response.status },
    });
  }
  try {
    const registered = await oauth.processDynamicClientRegistrationResponse(await normalized(response));
    const management = managementOf(server, registered);
    const proof = secretOf(server, registered['client_secret'], registered['token_endpoint_auth_method']);
    const { client_secret_expires_at: endsAtSeconds } = registered;
    const hasEnd = proof.clientSecret !== undefined && typeof endsAtSeconds === 'number' && endsAtSeconds > 0;
    return {
      issuer: server.issuer,
      clientId: registered.client_id,
      ...proof,
      source: 'dynamic',
      ...(hasEnd && { secretEndsAtMs: endsAtSeconds * 1000 }),
      ...(management !== undefined && { management }),
    };
  } catch (cause) {
    const reason =
      cause instanceof oauth.ResponseBodyError
        ? `${cause.error}: ${cause.error_description ?? ''}`
        : 'no usable answer';
    throw new BrokerError('registration_refused', `${server.issuer} refused to register us.`, {
      cause,
      details: { ...details, status: response.status, reason: JSON.stringify(redacted(reason)) },
    });
  }
}

/** Whether the server has said no: when an answer is only unusable, it may have registered us. */
const isRefusal = (error: unknown): boolean =>
  hasCode(error, 'registration_refused') && Number(error.details['status']) >= 400;

/** Whether the server has failed over what it was asked, and not for being overloaded or away. */
const isStumble = (error: unknown): boolean =>
  hasCode(error, 'issuer_unreachable') && error.details['status'] === 500;

/** The places that native applications come back to: this computer, or a scheme of their own (RFC 8252 §7). */
const isNative = (redirectUri: string): boolean =>
  !redirectUri.startsWith('https:') && (!redirectUri.startsWith('http:') || isLoopback(new URL(redirectUri)));

/** The methods that need no key, the one that leaves no secret to keep first. */
const methods = ['none', 'client_secret_basic', 'client_secret_post'] as const;

type Method = (typeof methods)[number];

/** Stated always: what a server assumes of a client that states none is a secret (RFC 7591 §2). */
const methodToAskFor = ({ token_endpoint_auth_methods_supported: offered }: AuthorizationServer): Method =>
  methods.find((method) => offered?.includes(method)) ?? 'none';

/** RFC 7591 §3.2 demands status 201 and a media type, and some servers give neither. */
async function normalized(response: Response): Promise<Response> {
  const body = await readAnswer(response.clone());
  if (body === undefined) return response;
  const isSuccess = response.status === 200 || response.status === 201;
  return isSuccess
    ? Response.json(normalizedRegistration(body), { status: 201 })
    : Response.json(body, { status: response.status });
}

/** Without a word about the method, RFC 7591 §2 makes it `client_secret_basic`; where that is not served, the one that is. */
function secretOf(
  server: AuthorizationServer,
  secret: unknown,
  stated: unknown,
): Pick<Client, 'clientSecret' | 'authMethod'> {
  if (typeof secret !== 'string' || secret === '') return { authMethod: 'none' };
  const offered = server.token_endpoint_auth_methods_supported;
  const isBasicServed = offered === undefined || offered.includes('client_secret_basic');
  const assumed = isBasicServed ? 'client_secret_basic' : methodToAskFor(server);
  const authMethod = methods.find((method) => method === stated) ?? assumed;
  return authMethod === 'none' ? { authMethod } : { clientSecret: new Secret(secret), authMethod };
}
