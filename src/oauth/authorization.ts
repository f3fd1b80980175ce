import * as oauth from 'oauth4webapi';
import { parseAddress } from '../core/address.js';
import type { Client } from '../core/client.js';
import { BrokerError } from '../core/errors.js';
import { redacted } from '../core/redaction.js';
import { Secret } from '../core/secret.js';
import { quirks, requirePkce, type AuthorizationServer } from './authorization-server.js';
import { thumbprintOf } from './dpop.js';
import { wireClient } from './wire.js';

/** What the authorization request asks for. */
export interface AuthorizationWishes {
  readonly resource: string;
  readonly scopes?: readonly string[];
  readonly redirectUri: string;
  readonly state: string;
  /** The account that should sign in, as the authorization server knows it (OpenID Connect Core §3.1.2.1). */
  readonly loginHint?: string;
  /** Lets the user choose who signs in, although the browser may remember somebody. */
  readonly chooseAccount: boolean;
  /** False where what is asked for has been consented to, and a refresh token is there. */
  readonly mustConsent?: boolean;
  /** The organization whose accounts alone are wanted. */
  readonly domain?: string;
  /** The key that the tokens are to be bound to; the code is bound to it, too. */
  readonly dpopKey?: Secret;
}

/** One authorization request under way: what its answer is judged by, recorded before the browser is sent off. */
export interface AuthorizationRequest {
  readonly server: AuthorizationServer;
  readonly client: Client;
  /** The address to open, exactly as it stands. */
  readonly url: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce?: string;
  readonly codeVerifier: Secret;
}

/** A one-time `state`, unguessable. */
export function newState(): string {
  return oauth.generateRandomState();
}

/**
 * Builds the authorization request: code with PKCE S256, `state`, `resource`, and what identifies the account
 * where the authorization server speaks OpenID Connect.
 * @throws BrokerError `pkce_unsupported`; `metadata_missing` without an authorization endpoint; `address_refused`
 * @see OAuth 2.1 §4.1.1; RFC 8707 §2; RFC 9449 §10; MCP authorization 2026-07-28, "Scope Selection Strategy"
 */
export async function authorizationRequest(
  server: AuthorizationServer,
  client: Client,
  wishes: AuthorizationWishes,
): Promise<AuthorizationRequest> {
  requirePkce(server);
  if (server.authorization_endpoint === undefined) {
    throw new BrokerError('metadata_missing', `${server.issuer} names no authorization endpoint.`, {
      details: { issuer: server.issuer },
    });
  }
  const { resource, redirectUri, state, loginHint, domain, mustConsent = true, dpopKey } = wishes;
  const quirk = server[quirks] ?? {};
  const scopes = scopesToAskFor(server, wishes.scopes);
  const nonce = scopes.includes('openid') ? oauth.generateRandomNonce() : undefined;
  const codeVerifier = oauth.generateRandomCodeVerifier();
  const { prompt: alwaysPrompt, ...always } = quirk.parameters ?? {};
  const prompts = [
    wishes.chooseAccount ? (quirk.prompts?.choose ?? choosingPrompt(server)) : undefined,
    mustConsent ? (quirk.prompts?.consent ?? consentPrompt(server, scopes)) : undefined,
    ...(alwaysPrompt?.split(' ') ?? []),
  ];
  const prompt = [...new Set(prompts.filter((one) => one !== undefined))].join(' ');
  const scope = scopes.join(' ');
  const parameters = {
    // First, so that no exception takes the place of what protects the request.
    ...always,
    ...(scope !== '' && { [quirk.scopeParameter ?? 'scope']: scope }),
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: redirectUri,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...(quirk.omitResource !== true && { resource }),
    ...(dpopKey !== undefined && { dpop_jkt: await thumbprintOf(dpopKey) }),
    ...(nonce !== undefined && { nonce }),
    ...(domain !== undefined && quirk.domainParameter !== undefined && { [quirk.domainParameter]: domain }),
    ...(loginHint !== undefined && { login_hint: loginHint }),
    ...(prompt !== '' && { prompt }),
  };
  const url = parseAddress(server.authorization_endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return {
    server,
    client,
    url: url.href,
    resource,
    scopes,
    redirectUri,
    state,
    ...(nonce !== undefined && { nonce }),
    codeVerifier: new Secret(codeVerifier),
  };
}

/**
 * Judges the redirect that came back, before its code goes anywhere.
 * @returns the parameters, in the form in which the exchange takes them
 * @throws BrokerError `authorization_denied` with `details.error`, to compare, and `details.reason`, quoted, to show;
 *   `authorization_response_invalid` when `state`, `iss` or the shape is wrong
 * @see RFC 9207 §2.4, error responses included; RFC 6749 §4.1.2
 */
export function readAuthorizationResponse(request: AuthorizationRequest, redirect: URL): URLSearchParams {
  const { server, client, state } = request;
  const named = redirect.searchParams.get('iss');
  const invalid = (cause?: unknown) =>
    new BrokerError('authorization_response_invalid', 'The redirect does not answer our request.', {
      cause,
      details: {
        issuer: server.issuer,
        ...(named !== null && named !== server.issuer && { iss: JSON.stringify(named) }),
      },
    });
  // Present, and another issuer than ours: oauth4webapi takes an empty one for none.
  if (named === '') throw invalid();
  let parameters: URLSearchParams;
  try {
    parameters = oauth.validateAuthResponse(answering(server, redirect), wireClient(client), redirect, state);
  } catch (cause) {
    if (cause instanceof oauth.AuthorizationResponseError) {
      throw new BrokerError('authorization_denied', `${server.issuer} did not authorize us.`, {
        cause,
        details: {
          error: redacted(cause.error),
          reason: JSON.stringify(redacted(cause.error_description ?? cause.error)),
          issuer: server.issuer,
        },
      });
    }
    throw invalid(cause);
  }
  const codes = parameters.getAll('code');
  if (codes.length !== 1 || codes[0] === '') throw invalid();
  return parameters;
}

/** The server as its redirects describe it, where the user has said that this is not how its metadata does. */
function answering(server: AuthorizationServer, redirect: URL): AuthorizationServer {
  const { responseIssuer, mayOmitIss } = server[quirks] ?? {};
  const [iss, ...others] = redirect.searchParams.getAll('iss');
  if (iss === undefined && mayOmitIss === true)
    return { ...server, authorization_response_iss_parameter_supported: false };
  const isException = iss !== undefined && iss === responseIssuer && others.length === 0;
  return isException ? { ...server, issuer: iss } : server;
}

/**
 * The scopes of a request: what the resource wants, and what is offered to all. An OpenID Provider that is asked for no
 * scope at all gives out no refresh token and nobody's name; one that offers neither is asked for none where the resource
 * wants none.
 * @see MCP authorization 2026-07-28, "Scope Selection Strategy"; OpenID Connect Core §3.1.2.1, §11
 */
export function scopesToAskFor(server: AuthorizationServer, wanted: readonly string[] = []): string[] {
  const all = new Set([...offeredScopes(server), ...wanted]);
  return [...all].filter((scope) => server[quirks]?.withoutScopes?.includes(scope) !== true);
}

/**
 * Of the scopes that a resource has named, those that are worth asking for: a refresh token is the authorization
 * server's to offer, and whoever does not know the scope for it may refuse all the others.
 * @see MCP authorization 2026-07-28, "Refresh Tokens"
 */
export function namedScopes(server: AuthorizationServer, named: readonly string[]): readonly string[] {
  const isOffered = server.scopes_supported?.includes('offline_access') === true;
  return named.filter((scope) => scope !== 'offline_access' || isOffered);
}

/**
 * What we ask for beside the resource's own scopes: who signs in, and a refresh token. Only where it is offered: a
 * plain OAuth server may refuse a scope it does not know.
 */
function offeredScopes(server: AuthorizationServer): string[] {
  const offered = server.scopes_supported ?? [];
  const identity = offered.includes('openid') ? ['openid', 'profile', 'email'] : [];
  return [...identity, 'offline_access'].filter((scope) => offered.includes(scope));
}

/**
 * The prompt without which an OpenID Provider ignores a wish for a refresh token, unless it has other reasons to grant
 * it. Most have (Okta, Auth0, Keycloak), and at worst show their page of consent once more to whoever signs in again,
 * which is seldom. Others have none (`oidc-provider`, and Logto on top of it): to ask them only when no refresh token came would
 * send the user to the browser twice, and each time anew where none is ever given; not to ask, every hour. Entra ID
 * alone is known to take it badly.
 * @see OpenID Connect Core §11
 */
function consentPrompt(server: AuthorizationServer, scopes: readonly string[]): 'consent' | undefined {
  if (!scopes.includes('offline_access') || server[quirks]?.omitConsent === true) return undefined;
  const offered = server['prompt_values_supported'];
  return !Array.isArray(offered) || offered.includes('consent') ? 'consent' : undefined;
}

/** The prompt that lets somebody else sign in, among those the server offers (OpenID Connect Core §3.1.2.1). */
function choosingPrompt(server: AuthorizationServer): string | undefined {
  const offered = server['prompt_values_supported'];
  if (!Array.isArray(offered))
    return server.scopes_supported?.includes('openid') === true ? 'login' : undefined;
  return ['select_account', 'login'].find((prompt) => offered.includes(prompt));
}
