import * as oauth from 'oauth4webapi';
import { BrokerError } from '../core/errors.js';
import type { RefusalReason } from '../core/refusal.js';
import { Secret } from '../core/secret.js';
import { endlessSeconds, normalizedTokenAnswer, readAnswer, scopeLimit } from './normalized-answer.js';
import { refusalReason } from './refusal.js';

/** What a token endpoint said: the one place where "refused for good" and "not now" are told apart. */
export type TokenAnswer =
  | { readonly kind: 'granted'; readonly tokens: GrantedTokens }
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      readonly error: string;
      readonly description: string;
      /** The HTTP status of a token endpoint's answer. */
      readonly status?: number;
      /** Who has refused, where that is not the issuer whose token it was to be. */
      readonly issuer?: string;
    }
  | { readonly kind: 'unavailable'; readonly error: BrokerError; readonly retryAfterMs?: number };

/** A successful token response (RFC 6749 §5.1). */
export interface GrantedTokens {
  readonly accessToken: Secret;
  /** Missing when the issuer keeps the present one valid, or gives none. */
  readonly refreshToken?: Secret;
  readonly lifetimeSeconds?: number;
  /** How long the refresh token can be used at all; missing when there is no end, or the answer does not repeat it. */
  readonly grantLifetimeSeconds?: number;
  /** Missing when they are those that were asked for (RFC 6749 §5.1). */
  readonly scopes?: readonly string[];
  /** They were granted anew, and not for the refresh token before, which has no part in them. */
  readonly isAnew?: true;
  /** The access token is bound to the key that was proved with the request (RFC 9449 §5). */
  readonly isBound?: true;
  /** As `Tokens.loginDigest`. */
  readonly loginDigest?: string;
  /** As `Tokens.quotaProject`. */
  readonly quotaProject?: string;
  /** Claims of the ID token, validated; only of an authorization code's answer. */
  readonly identity?: oauth.IDToken;
}

/** How the codes of OAuth look; gateways and firewalls in front write `Forbidden` and `Not Found` into the same place. */
const oauthCode = /^[a-z][a-z0-9_]*$/;

/** OAuth error codes by which a server says that it is in trouble itself, whatever the status. */
const transientErrors = ['temporarily_unavailable', 'server_error', 'slow_down'];

/** Whether an answer of an authorization server tells of trouble that may pass, whatever else is in it. */
export const isTransient = (status: number, error?: unknown): boolean =>
  status >= 500 || status === 408 || status === 429 || transientErrors.some((one) => one === error);

/**
 * Judges a token endpoint's answer. Anything but a well-formed grant or a well-formed refusal is trouble that may
 * pass: a page of HTML in front of the token endpoint must not cost anybody a grant.
 * @param validate - oauth4webapi's check of the answer for this grant type; a BrokerError that it throws is handed on
 * @param nowMs - to turn a `Retry-After` date into a delay
 * @param how - what stands between scopes, where that is not a space; and whether a key was proved with the request,
 *   so that the tokens may be bound to it
 */
export async function readTokenAnswer(
  response: Response,
  validate: (normalized: Response) => Promise<oauth.TokenEndpointResponse>,
  nowMs: number,
  how: { readonly scopeSeparator?: string | undefined; readonly isKeyProved?: boolean } = {},
): Promise<TokenAnswer> {
  const body = await readAnswer(response);
  const retryAfterMs = retryAfter(response.headers.get('retry-after'), nowMs);
  const { status } = response;
  const unavailable = (why: string): TokenAnswer => ({
    kind: 'unavailable',
    error: new BrokerError('issuer_unreachable', `The token endpoint answers ${status}: ${why}.`, {
      details: { status },
    }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });

  if (isTransient(status)) return unavailable('a status that may pass');
  if (body === undefined) return unavailable('not a JSON object');
  const { error, error_description: description } = body;
  if (typeof error === 'string' && oauthCode.test(error)) {
    if (isTransient(status, error)) return unavailable(`error ${JSON.stringify(error)}`);
    const words = [body['error_subtype'], description].filter((text) => typeof text === 'string').join(' ');
    return { kind: 'refused', reason: refusalReason(error, words), error, description: words, status };
  }
  if (status !== 200) return unavailable('no OAuth error code');
  try {
    const answer = await validate(
      Response.json(normalizedTokenAnswer(body, how.scopeSeparator), { status: 200 }),
    );
    return { kind: 'granted', tokens: grantedTokens(answer, how.isKeyProved === true) };
  } catch (cause) {
    if (cause instanceof BrokerError) return { kind: 'unavailable', error: cause };
    const error = new BrokerError('token_answer_invalid', 'The token endpoint grants nothing usable.', {
      cause,
    });
    return { kind: 'unavailable', error };
  }
}

/**
 * What was granted, for a caller who can do nothing about anything else.
 * @throws BrokerError `authorization_denied`, `client_refused` when the token endpoint refused; the error of an answer
 *   that is unavailable
 */
export function grantedOrThrow(answer: TokenAnswer, issuer: string): GrantedTokens {
  switch (answer.kind) {
    case 'granted':
      return answer.tokens;
    case 'unavailable':
      throw answer.error;
    case 'refused': {
      const { reason, error, description, issuer: refusing = issuer } = answer;
      throw new BrokerError(
        reason === 'client-gone' ? 'client_refused' : 'authorization_denied',
        'The token endpoint refused the grant.',
        { details: { error, reason: JSON.stringify(description), issuer: refusing } },
      );
    }
  }
}

function grantedTokens(answer: oauth.TokenEndpointResponse, mayBeBound: boolean): GrantedTokens {
  const isBound = mayBeBound && answer.token_type === 'dpop';
  if (answer.token_type !== 'bearer' && !isBound)
    throw new TypeError(`Token type ${JSON.stringify(answer.token_type)}.`);
  const identity = oauth.getValidatedIdTokenClaims(answer);
  return {
    accessToken: new Secret(answer.access_token),
    ...(answer.refresh_token !== undefined && { refreshToken: new Secret(answer.refresh_token) }),
    ...(answer.expires_in !== undefined && { lifetimeSeconds: answer.expires_in }),
    ...grantLifetime(answer['refresh_token_expires_in']),
    ...(answer.scope !== undefined && { scopes: scopesIn(answer.scope) }),
    ...(identity !== undefined && { identity }),
    ...(isBound && { isBound }),
  };
}

const scopesIn = (text: string): string[] =>
  text
    .split(' ')
    .filter((scope) => scope !== '')
    .slice(0, scopeLimit);

/** No standard, but what Google and Microsoft call it: seconds, as a number or in a text. */
function grantLifetime(value: unknown): { readonly grantLifetimeSeconds?: number } {
  const seconds = typeof value === 'number' || typeof value === 'string' ? Number(value) : 0;
  return seconds > 0 && seconds < endlessSeconds ? { grantLifetimeSeconds: seconds } : {};
}

/** RFC 9110 §10.2.3: seconds or a date. */
function retryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const delayMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(delayMs) && delayMs > 0 ? delayMs : undefined;
}
