import * as oauth from 'oauth4webapi';
import type { Client } from '../core/client.js';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import type { AuthorizationServer } from './authorization-server.js';
import { dpopOption } from './dpop.js';
import { readTokenAnswer, type TokenAnswer } from './token-answer.js';
import { askedTwiceForNonce, withoutOurs } from './token-request.js';
import { clientAuthentication, proofsOf, resourceParameter, wire, wireClient } from './wire.js';

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const idJag = 'urn:ietf:params:oauth:token-type:id-jag';
const idToken = 'urn:ietf:params:oauth:token-type:id_token';

/** What a token endpoint is asked for without a user. */
export interface GrantRequest {
  readonly grantType: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Those of the parameters that nobody may read in an answer. */
  readonly secrets: readonly Secret[];
}

/** What the tokens are to be for. */
export interface GrantWishes {
  readonly resource: string;
  readonly scopes: readonly string[];
  /** To bind them to, where the resource wants that. */
  readonly dpopKey?: Secret;
}

/** RFC 6749 §4.4.2. */
export const clientCredentials = (): GrantRequest => ({
  grantType: 'client_credentials',
  parameters: {},
  secrets: [],
});

/** RFC 7523 §2.1. */
export const assertionGrant = (assertion: Secret): GrantRequest => ({
  grantType: jwtBearer,
  parameters: { assertion: assertion.reveal() },
  secrets: [assertion],
});

/** RFC 8693 §2.1. */
export const exchangeGrant = (token: Secret, tokenType: string): GrantRequest => ({
  grantType: tokenExchange,
  parameters: { subject_token: token.reveal(), subject_token_type: tokenType },
  secrets: [token],
});

/**
 * Asks an identity provider for an assertion that `audience` takes for its user.
 * @see draft-ietf-oauth-identity-assertion-authz-grant; MCP extension `enterprise-managed-authorization`
 */
export const identityAssertion = (userToken: Secret, audience: string): GrantRequest => ({
  grantType: tokenExchange,
  parameters: {
    requested_token_type: idJag,
    subject_token: userToken.reveal(),
    subject_token_type: idToken,
    audience,
  },
  secrets: [userToken],
});

/**
 * Asks `server` for a token, once: what it refuses is not tried in another way.
 * @returns the token endpoint's answer; a request that failed on its way is `unavailable` too
 * @throws BrokerError `tls_untrusted`, `address_refused`, `client_key_unusable`
 */
export async function requestGrant(
  fetch: Fetch,
  server: AuthorizationServer,
  client: Client,
  request: GrantRequest,
  wishes: GrantWishes,
  nowMs: number,
): Promise<TokenAnswer> {
  const wired = wireClient(client);
  const scope = wishes.scopes.join(' ');
  const parameters = {
    ...request.parameters,
    ...resourceParameter(server, wishes.resource),
    ...(scope !== '' && { scope }),
  };
  const options = { ...wire(fetch, server), ...(await dpopOption(wishes.dpopKey)) };
  const send = () =>
    oauth.genericTokenEndpointRequest(
      server,
      wired,
      clientAuthentication(client),
      request.grantType,
      parameters,
      options,
    );
  const isAssertion = request.parameters['requested_token_type'] === idJag;
  const validate = async (normalized: Response) => {
    const { id_token: _, ...answer } = (await normalized.json()) as Record<string, unknown>;
    // Anything else that the identity provider may give out is worth something to whoever gets it.
    if (isAssertion && answer['issued_token_type'] !== idJag) throw new TypeError('This is no assertion.');
    // An assertion is no access token, and says so by the type N_A (RFC 8693 §2.2.1).
    const read = isAssertion ? { ...answer, token_type: 'bearer' } : answer;
    return oauth.processGenericTokenEndpointResponse(server, wired, Response.json(read));
  };
  try {
    const answer = await askedTwiceForNonce(send, (response) =>
      readTokenAnswer(response, validate, nowMs, { isKeyProved: wishes.dpopKey !== undefined }),
    );
    return withoutOurs(answer, [...request.secrets, ...proofsOf(client)]);
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'issuer_unreachable')
      return { kind: 'unavailable', error };
    throw error;
  }
}
