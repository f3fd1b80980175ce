import * as oauth from 'oauth4webapi';
import type { LiveCredential } from '../core/credential.js';
import { BrokerError } from '../core/errors.js';
import { isFinal } from '../core/final-error.js';
import type { Fetch } from '../core/ports.js';
import { redacted } from '../core/redaction.js';
import { Secret } from '../core/secret.js';
import type { AuthorizationRequest } from './authorization.js';
import { quirks, type AuthorizationServer } from './authorization-server.js';
import { dpopOption } from './dpop.js';
import { requireThisTime, withAlgorithms } from './id-token.js';
import { grantedOrThrow, readTokenAnswer, type GrantedTokens, type TokenAnswer } from './token-answer.js';
import { clientAuthentication, proofsOf, resourceParameter, wire, wireClient } from './wire.js';

/**
 * Redeems the authorization code.
 * @param parameters - as `readAuthorizationResponse` returned them
 * @param dpopKey - to bind the tokens to, where the resource wants that
 * @throws BrokerError `authorization_denied`, `client_refused` when the token endpoint refuses;
 *   `issuer_unreachable` when it gives no usable answer; `token_answer_invalid` when what it grants is flawed, its
 *   ID token included; `clock_wrong` when that is of another time; `tls_untrusted`, `address_refused`
 * @see OAuth 2.1 §4.1.3; RFC 8707 §2.2
 */
export async function exchangeCode(
  fetch: Fetch,
  request: AuthorizationRequest,
  parameters: URLSearchParams,
  nowMs: number,
  signal: AbortSignal,
  dpopKey?: Secret,
): Promise<GrantedTokens> {
  const { server, client, redirectUri, codeVerifier, resource, nonce } = request;
  const wired = wireClient(client);
  const options = { ...wire(fetch, server, signal), ...(await dpopOption(dpopKey)) };
  const send = () =>
    oauth.authorizationCodeGrantRequest(
      server,
      wired,
      clientAuthentication(client),
      parameters,
      redirectUri,
      codeVerifier.reveal(),
      { ...options, additionalParameters: resourceParameter(server, resource) },
    );
  const validate = async (normalized: Response) => {
    const { id_token, ...others } = (await normalized.clone().json()) as Record<string, unknown>;
    const process = (answer: Response, expectedNonce?: string) =>
      // Whoever expects a nonce insists on an ID token, which a server may leave out with the scope `openid`.
      oauth.processAuthorizationCodeResponse(withAlgorithms(server), wired, answer, {
        ...(expectedNonce && { expectedNonce }),
      });
    if (id_token !== undefined && nonce !== undefined)
      return process(normalized, nonce).catch(requireThisTime);
    // Nobody asked for this one, so a flaw in it is none of the tokens'.
    return process(normalized).catch(() => process(Response.json(others)));
  };
  const code = new Secret(parameters.get('code') ?? '');
  const answer = withoutOurs(
    await askedTwiceForNonce(send, (response) =>
      readTokenAnswer(response, validate, nowMs, {
        scopeSeparator: server[quirks]?.scopeSeparator,
        isKeyProved: dpopKey !== undefined,
      }),
    ),
    [code, codeVerifier, ...proofsOf(client)],
  );
  return grantedOrThrow(answer, server.issuer);
}

/**
 * Asks for a new access token with the refresh token of `credential`.
 * It cannot be aborted: the refresh token may be spent as soon as the request has left.
 * @returns the token endpoint's answer; a request that failed on its way is `unavailable` too
 * @throws BrokerError `tls_untrusted`, `address_refused`: trying again will not help, and the grant is not to blame
 * @see OAuth 2.1 §4.3; RFC 8707 §2.2
 */
export async function refreshTokens(
  fetch: Fetch,
  server: AuthorizationServer,
  credential: LiveCredential,
  refreshToken: Secret,
  nowMs: number,
): Promise<TokenAnswer> {
  const { client, resource, tokens } = credential;
  const wired = wireClient(client);
  const options = { ...wire(fetch, server), ...(await dpopOption(tokens.dpopKey)) };
  const send = () =>
    oauth.refreshTokenGrantRequest(server, wired, clientAuthentication(client), refreshToken.reveal(), {
      ...options,
      additionalParameters: resourceParameter(server, resource),
    });
  // The ID token says nothing new here, and neither does the kind of token, but for its being bound. A flaw in them must
  // not cost us the refresh token beside them: the one before may be spent.
  const validate = async (normalized: Response) => {
    const { id_token, token_type: type, ...answer } = (await normalized.json()) as Record<string, unknown>;
    const isBound = tokens.dpopKey !== undefined && /^dpop$/i.test(String(type));
    const read = { ...answer, token_type: isBound ? 'dpop' : 'bearer' };
    return oauth.processRefreshTokenResponse(server, wired, Response.json(read));
  };
  const read = (response: Response) =>
    readTokenAnswer(response, validate, nowMs, {
      scopeSeparator: server[quirks]?.scopeSeparator,
      isKeyProved: tokens.dpopKey !== undefined,
    });
  try {
    const answer = await askedTwiceForNonce(send, read);
    return withoutOurs(unlessFinal(answer), [refreshToken, ...proofsOf(client)]);
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'issuer_unreachable')
      return { kind: 'unavailable', error };
    throw error;
  }
}

/** A refusal that is not about the grant costs nobody the refresh token: what it is about may pass. */
function unlessFinal(answer: TokenAnswer): TokenAnswer {
  if (answer.kind !== 'refused' || isFinal(answer.error)) return answer;
  const error = new BrokerError(
    'issuer_unreachable',
    'The token endpoint refuses, but not by a code of OAuth.',
    { details: answer.status === undefined ? {} : { status: answer.status } },
  );
  return { kind: 'unavailable', error };
}

/** A server that wants a nonce in the proof says which, and has looked at nothing else yet (RFC 9449 §8). */
export async function askedTwiceForNonce(
  send: () => Promise<Response>,
  read: (response: Response) => Promise<TokenAnswer>,
): Promise<TokenAnswer> {
  const answer = await read(await send());
  return answer.kind === 'refused' && answer.error === 'use_dpop_nonce' ? read(await send()) : answer;
}

/** The words of a refusal are logged and shown, so nothing that we sent may come back in them. */
export function withoutOurs(answer: TokenAnswer, sent: readonly Secret[]): TokenAnswer {
  if (answer.kind !== 'refused') return answer;
  return {
    ...answer,
    error: redacted(answer.error, sent),
    description: redacted(answer.description, sent),
  };
}
