import * as oauth from 'oauth4webapi';
import { parseAddress } from '../core/address.js';
import type { Client } from '../core/client.js';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import { redacted } from '../core/redaction.js';
import { Secret } from '../core/secret.js';
import { quirks, type AuthorizationServer } from './authorization-server.js';
import { scopesToAskFor } from './authorization.js';
import { normalizedDeviceAnswer, readAnswer } from './normalized-answer.js';
import { dpopOption } from './dpop.js';
import { requireThisTime, withAlgorithms } from './id-token.js';
import { readTokenAnswer, type GrantedTokens, type TokenAnswer } from './token-answer.js';
import { clientAuthentication, proofsOf, resourceParameter, wire, wireClient } from './wire.js';

/** The grant type of a device code (RFC 8628 §3.4). */
export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** A code that the user enters on a page of the authorization server, in whatever browser there is. */
export interface DeviceCode {
  readonly server: AuthorizationServer;
  readonly client: Client;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly deviceCode: Secret;
  readonly userCode: string;
  /** The page: https, or http on this computer; with the code in it where the server offers that for its own page. */
  readonly page: string;
  readonly lifetimeMs: number;
  readonly intervalMs: number;
}

/** How things stand with a device code. */
export type DeviceAnswer =
  | { readonly kind: 'granted'; readonly tokens: GrantedTokens }
  /** Ask again, after `intervalMs` more than so far. */
  | { readonly kind: 'pending'; readonly longerByMs: number };

/** How much longer to wait by what the token endpoint says, where the code is still good (RFC 8628 §3.5). */
const longerByMsAt: ReadonlyMap<unknown, number> = new Map([
  ['authorization_pending', 0],
  ['slow_down', 5_000],
  // The nonce that it wants in the proof is known by now (RFC 9449 §8).
  ['use_dpop_nonce', 0],
]);

/** No code that somebody can type is longer, and no line in a notification should be. */
const userCodeShape = /^[\p{L}\p{N} -]{1,40}$/u;

/**
 * Asks for a device code.
 * @throws BrokerError `device_code_unsupported` when the server gives none out, or none to us; `token_answer_invalid`
 *   when what it gives cannot be shown; `client_refused`; `issuer_unreachable`, `tls_untrusted`, `address_refused`,
 *   `network_refused`
 * @see RFC 8628 §3.1 and §3.2; RFC 8707 §2 for `resource`
 */
export async function requestDeviceCode(
  fetch: Fetch,
  server: AuthorizationServer,
  client: Client,
  wishes: { readonly resource: string; readonly scopes?: readonly string[] },
  signal: AbortSignal,
): Promise<DeviceCode> {
  requireDeviceCodes(server);
  const { resource } = wishes;
  const scopes = scopesToAskFor(server, wishes.scopes);
  const wired = wireClient(client);
  const response = await oauth.deviceAuthorizationRequest(
    server,
    wired,
    clientAuthentication(client),
    { ...resourceParameter(server, resource), ...(scopes.length > 0 && { scope: scopes.join(' ') }) },
    wire(fetch, server, signal),
  );
  const body = (await readAnswer(response)) ?? {};
  if (response.status !== 200) throw refusedCode(server, client, response.status, body);
  const answer = await oauth
    .processDeviceAuthorizationResponse(server, wired, Response.json(normalizedDeviceAnswer(body)))
    .catch((cause: unknown) => {
      throw new BrokerError('token_answer_invalid', 'The device code cannot be used.', { cause });
    });
  const page = pageFor(server, answer);
  if (!userCodeShape.test(answer.user_code))
    throw new BrokerError('token_answer_invalid', 'The code for the user cannot be shown.');
  return {
    server,
    client,
    resource,
    scopes,
    deviceCode: new Secret(answer.device_code),
    userCode: answer.user_code,
    page,
    lifetimeMs: answer.expires_in * 1_000,
    intervalMs: (answer.interval ?? 5) * 1_000,
  };
}

/**
 * The page to enter the code on, with the code in it where the issuer offers that for a page of its own. On somebody
 * else's page the user enters it, and sees what for (RFC 8628 §5.4).
 * @throws BrokerError `address_refused`
 */
function pageFor({ issuer }: AuthorizationServer, answer: oauth.DeviceAuthorizationResponse): string {
  const { verification_uri: page, verification_uri_complete: complete } = answer;
  parseAddress(page);
  const isOwn = complete !== undefined && parseAddress(complete).origin === new URL(issuer).origin;
  return isOwn ? complete : page;
}

/**
 * Asks whether the user has entered the code.
 * @throws BrokerError `authorization_denied`; `client_refused`; `sign_in_timeout` when the code has expired;
 *   `token_answer_invalid`, `clock_wrong`; `tls_untrusted`, `address_refused`, `network_refused`
 * @see RFC 8628 §3.4 and §3.5
 */
export async function redeemDeviceCode(
  fetch: Fetch,
  code: DeviceCode,
  nowMs: number,
  signal: AbortSignal,
  dpopKey?: Secret,
): Promise<DeviceAnswer> {
  const { server, client, intervalMs } = code;
  let response: Response;
  try {
    response = await requestTokens(fetch, code, signal, dpopKey);
  } catch (error) {
    // The code is still good; RFC 8628 §3.5 wants fewer questions of whoever gets no answer.
    if (error instanceof BrokerError && error.code === 'issuer_unreachable')
      return { kind: 'pending', longerByMs: intervalMs };
    throw error;
  }
  const { error } = (await readAnswer(response.clone())) ?? {};
  const longerByMs = longerByMsAt.get(error);
  if (longerByMs !== undefined) return { kind: 'pending', longerByMs };
  if (error === 'expired_token') throw new BrokerError('sign_in_timeout', 'The device code has expired.');
  const validate = (normalized: Response) =>
    oauth
      .processDeviceCodeResponse(withAlgorithms(server), wireClient(client), normalized)
      .catch(requireThisTime);
  const answer = await readTokenAnswer(response, validate, nowMs, {
    scopeSeparator: server[quirks]?.scopeSeparator,
    isKeyProved: dpopKey !== undefined,
  });
  switch (answer.kind) {
    case 'granted':
      return answer;
    case 'unavailable':
      if (answer.error.code !== 'issuer_unreachable') throw answer.error;
      return { kind: 'pending', longerByMs: intervalMs };
    case 'refused':
      throw refusedTokens(code, answer);
  }
}

async function requestTokens(
  fetch: Fetch,
  { server, client, resource, deviceCode }: DeviceCode,
  signal: AbortSignal,
  dpopKey: Secret | undefined,
): Promise<Response> {
  const options = {
    ...wire(fetch, server, signal),
    ...(await dpopOption(dpopKey)),
    additionalParameters: resourceParameter(server, resource),
  };
  const [wired, authentication] = [wireClient(client), clientAuthentication(client)];
  return oauth.deviceCodeGrantRequest(server, wired, authentication, deviceCode.reveal(), options);
}

function refusedTokens(
  { server: { issuer }, client, deviceCode }: DeviceCode,
  { reason, error, description }: Extract<TokenAnswer, { kind: 'refused' }>,
): BrokerError {
  const ours = [deviceCode, ...proofsOf(client)];
  return new BrokerError(
    reason === 'client-gone' ? 'client_refused' : 'authorization_denied',
    'The device code was refused.',
    {
      details: { error: redacted(error, ours), reason: JSON.stringify(redacted(description, ours)), issuer },
    },
  );
}

/** @throws BrokerError `device_code_unsupported` */
export function requireDeviceCodes({
  issuer,
  device_authorization_endpoint: endpoint,
}: AuthorizationServer): void {
  if (endpoint !== undefined) return;
  throw new BrokerError('device_code_unsupported', `${issuer} gives out no device codes.`, {
    details: { issuer },
  });
}

function refusedCode(
  { issuer }: AuthorizationServer,
  client: Client,
  status: number,
  body: Readonly<Record<string, unknown>>,
) {
  const { error } = body;
  if (status >= 500 || status === 429)
    return new BrokerError('issuer_unreachable', `The device endpoint answers ${status}.`, {
      details: { issuer },
    });
  const isClient = error === 'invalid_client' || error === 'unauthorized_client';
  const words = [body['error_description'], error].find((text) => typeof text === 'string') ?? `${status}`;
  const reason = JSON.stringify(redacted(words, proofsOf(client)));
  return new BrokerError(
    isClient ? 'client_refused' : 'device_code_unsupported',
    'No device code was given.',
    {
      details: { issuer, reason },
    },
  );
}
