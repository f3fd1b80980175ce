import type { LiveCredential } from '../../core/credential.js';
import { BrokerError, hasCode } from '../../core/errors.js';
import type { TokenAnswer } from '../../oauth/token-answer.js';

type Refusal = Extract<TokenAnswer, { kind: 'refused' }>;

/** What kept a renewal from coming to an end, as the code that callers get. */
export function asBrokerError(error: unknown): BrokerError {
  const known = [
    'issuer_unreachable',
    'tls_untrusted',
    'record_elsewhere',
    'renewed_elsewhere',
    'renewing_elsewhere',
    'vault_write_failed',
    'too_many_attempts',
    'token_file_unusable',
    'client_key_unusable',
    'client_refused',
    'token_refused',
    'delegation_missing',
    'clock_wrong',
    'wrong_account',
  ] as const;
  if (hasCode(error, ...known)) return error;
  return new BrokerError('issuer_unreachable', 'The token could not be renewed.', { cause: error });
}

/** That the issuer does not take the client, which somebody looks after. */
export const clientRefused = (issuer: string, { error, description }: Refusal): BrokerError =>
  new BrokerError('client_refused', 'The issuer does not take the client.', {
    details: { error, reason: JSON.stringify(description), issuer },
  });

/** That the issuer refused, or who vouches to it, but for now: nothing has ended by it. */
export const tokenRefused = (issuer: string, refusal: Refusal): BrokerError => {
  const { error, description, issuer: refusing = issuer } = refusal;
  return new BrokerError('token_refused', 'The issuer gives no token now.', {
    details: { error, reason: JSON.stringify(description === '' ? error : description), issuer: refusing },
  });
};

/** Why there is no token although the login was taken. */
export const laterRefused = ({ account, client }: LiveCredential, answer: Refusal): BrokerError =>
  answer.reason === 'other-account'
    ? new BrokerError('wrong_account', 'Somebody else has logged in.', {
        details: { wanted: account.label, got: answer.description, source: 'file' },
      })
    : tokenRefused(client.issuer, answer);

/** The note about the attempt stays: by now, it may be the other window's. */
export const tookOver = (): BrokerError => new BrokerError('renewing_elsewhere', 'Another window took over.');
