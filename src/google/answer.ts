import { BrokerError, hasCode } from '../core/errors.js';
import { isFinal } from '../core/final-error.js';
import type { ExchangedLogin, IssuerAnswer } from '../core/issuer-driver.js';
import { unusable } from './credentials-file.js';

/** An answer that brought nothing. */
type IssuerFailure = Exclude<IssuerAnswer, { readonly kind: 'granted' }>;

/** What Google writes until an administrator has authorized a service account's client for its scopes. */
const undelegated =
  /retrieve access tokens using this method|not authorized for any of the scopes|^Requested client not authorized/i;

/** What Google writes about an assertion that a clock which is wrong has dated. */
const misdated = /short-lived token|\biat and exp\b/i;

/**
 * Judges what Google's library threw: a refusal, or trouble that may pass.
 * @param failure - why a request got no answer, when none came
 * @param path - of the credentials file
 * @param exchanged - what has to be saved, whatever else has happened
 * @throws BrokerError where nothing was exchanged: `tls_untrusted`, `address_refused`, `network_refused`;
 *   `token_file_unusable` when the library could not even ask with what is in the file
 */
export function readAnswerOf(
  error: unknown,
  failure: BrokerError | undefined,
  path: string,
  exchanged?: ExchangedLogin,
): IssuerAnswer {
  if (exchanged === undefined) return judged(error, failure, path);
  try {
    return { ...judged(error, failure, path), exchanged };
  } catch (cause) {
    if (cause instanceof BrokerError) return { kind: 'unavailable', error: cause, exchanged };
    throw cause;
  }
}

/** @throws BrokerError as `readAnswerOf` */
function judged(error: unknown, failure: BrokerError | undefined, path: string): IssuerFailure {
  if (hasCode(error, 'token_file_unusable')) throw error;
  if (failure !== undefined) {
    if (failure.code !== 'issuer_unreachable') throw failure;
    return { kind: 'unavailable', error: failure };
  }
  if (error instanceof BrokerError) return { kind: 'unavailable', error };
  const { response } = Object(error) as { readonly response?: unknown };
  if (response !== undefined) return readResponse(response as { status: number; data?: unknown });
  // What the library says may quote a token, or what a program has printed.
  throw unusable(path, 'cannot be used as it is');
}

function readResponse({ status, data }: { readonly status: number; readonly data?: unknown }): IssuerFailure {
  const {
    error,
    error_description: description,
    error_subtype: subtype,
  } = Object(data) as Readonly<Record<string, unknown>>;
  if (status >= 500 || status === 408 || status === 429) return unavailable(`status ${status}`, status);
  if (typeof error === 'string') {
    if (!isFinal(error)) return unavailable(error.slice(0, 80), status);
    if (['unauthorized_client', 'access_denied'].includes(error) && undelegated.test(String(description)))
      return {
        kind: 'unavailable',
        error: new BrokerError('delegation_missing', 'A service account may not act for somebody.'),
      };
    if (error === 'invalid_grant' && misdated.test(String(description)))
      return {
        kind: 'unavailable',
        error: new BrokerError('clock_wrong', 'Google takes nothing that this computer has dated.', {
          details: { status },
        }),
      };
    const words = [subtype, description].filter((text) => typeof text === 'string').join(' ');
    // The client is what the file says, as is the login; they do not fit.
    const reason = error === 'invalid_client' ? 'client-mismatch' : 'refused';
    return { kind: 'refused', reason, error, description: words };
  }
  // Google's APIs have a form of their own.
  const { status: code, message } = Object(error) as {
    readonly status?: unknown;
    readonly message?: unknown;
  };
  if (typeof code !== 'string' || typeof message !== 'string')
    return unavailable('no error of Google', status);
  const finalCodes = [
    'PERMISSION_DENIED',
    'NOT_FOUND',
    'INVALID_ARGUMENT',
    'UNAUTHENTICATED',
    'FAILED_PRECONDITION',
  ];
  if (!finalCodes.includes(code)) return unavailable(code, status);
  return { kind: 'refused', reason: 'access-removed', error: code.toLowerCase(), description: message };
}

const unavailable = (why: string, status?: number): IssuerFailure => ({
  kind: 'unavailable',
  error: new BrokerError('issuer_unreachable', `Google gives no token: ${JSON.stringify(why)}.`, {
    details: { ...(status !== undefined && { status }) },
  }),
});
