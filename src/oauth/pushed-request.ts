import * as oauth from 'oauth4webapi';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import { redacted } from '../core/redaction.js';
import type { AuthorizationRequest } from './authorization.js';
import { readAnswer } from './normalized-answer.js';
import { isTransient } from './token-answer.js';
import { clientAuthentication, proofsOf, wire, wireClient } from './wire.js';

/**
 * Sends the authorization request ahead where the authorization server demands that, and leaves a reference to it for
 * the browser. Where it is only offered, the browser carries the request: that works with every client.
 * @returns `request` itself, or with the address to open instead
 * @throws BrokerError `authorization_denied` with `details.error` and `details.reason` when the request is refused;
 *   `client_refused`; `metadata_missing` without a place for it; `issuer_unreachable`, `tls_untrusted`,
 *   `address_refused`, `network_refused`
 * @see RFC 9126 §2, §4 and §5
 */
export async function pushIfRequired(
  fetch: Fetch,
  request: AuthorizationRequest,
  signal: AbortSignal,
): Promise<AuthorizationRequest> {
  const { server, client } = request;
  if (server.require_pushed_authorization_requests !== true) return request;
  if (server.pushed_authorization_request_endpoint === undefined) {
    throw new BrokerError('metadata_missing', `${server.issuer} names no place to push requests to.`, {
      details: { issuer: server.issuer },
    });
  }
  const wired = wireClient(client);
  const response = await oauth.pushedAuthorizationRequest(
    server,
    wired,
    clientAuthentication(client),
    new URL(request.url).searchParams,
    wire(fetch, server, signal),
  );
  const { status } = response;
  const body = await readAnswer(response.clone());
  if (isTransient(status, body?.['error'])) throw unanswered(request, status);
  if (typeof body?.['error'] === 'string') throw refused(request, body['error'], body['error_description']);
  // RFC 9126 §2.2 demands 201, and some servers answer 200.
  const created = status === 200 && body !== undefined ? Response.json(body, { status: 201 }) : response;
  const { request_uri: reference } = await oauth
    .processPushedAuthorizationResponse(server, wired, created)
    .catch((cause: unknown) => {
      throw unanswered(request, status, cause);
    });
  const pushed = new URL(server.authorization_endpoint ?? request.url);
  pushed.searchParams.set('client_id', client.clientId);
  pushed.searchParams.set('request_uri', reference);
  return { ...request, url: pushed.href };
}

const unanswered = (
  { server: { issuer } }: AuthorizationRequest,
  status: number,
  cause?: unknown,
): BrokerError =>
  new BrokerError('issuer_unreachable', `The pushed request is answered by ${status}.`, {
    cause,
    details: { issuer },
  });

function refused(
  { server: { issuer }, client }: AuthorizationRequest,
  error: string,
  description: unknown,
): BrokerError {
  const ours = proofsOf(client);
  const reason = redacted(typeof description === 'string' ? description : error, ours);
  return new BrokerError(
    error === 'invalid_client' ? 'client_refused' : 'authorization_denied',
    `${issuer} refused the pushed request.`,
    { details: { error: redacted(error, ours), issuer, reason: JSON.stringify(reason) } },
  );
}
