import type { Credential } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import { isBorrowedLogin } from '../../core/grant.js';
import type { ServerId } from '../../core/server.js';

/** Nobody has signed in for `id`. */
export const nobody = (id: ServerId): BrokerError =>
  new BrokerError('sign_in_required', 'Nobody has signed in.', { details: { server: id } });

/** Several accounts fit `id`, and only the user knows which one it is to be. */
export const undecided = (id: ServerId): BrokerError =>
  new BrokerError('account_choice_required', 'Several accounts fit.', { details: { server: id } });

/** The user has signed out while something was under way for the credential. */
export const signedOutMeanwhile = (): BrokerError =>
  new BrokerError('sign_in_required', 'The user has signed out.');

/** A sign-in was given up by the user, for another one, or with the window. */
export const cancelled = (): BrokerError => new BrokerError('sign_in_cancelled', 'The sign-in was given up.');

/** The error that callers get while attempts go on in the background. */
export function notNow(cause: BrokerError, nextAttemptAtMs: number): BrokerError {
  return new BrokerError(cause.code, cause.message, {
    cause,
    details: { ...cause.details, nextAttemptAtMs },
  });
}

/** The error that callers get when only the user can help. */
export function refused(credential: Credential): BrokerError {
  const reason = credential.tokens.kind === 'refused' ? credential.tokens.reason : 'not-renewable';
  const isFromFile = isBorrowedLogin(credential.grant);
  return new BrokerError('grant_refused', 'The grant is dead.', {
    details: { reason, account: credential.account.label, ...(isFromFile && { source: 'file' }) },
  });
}

/** The credentials in a file have been refused before it was known whose they are. */
export const fileRefused = (error: string, description: string, issuer: string): BrokerError =>
  new BrokerError('authorization_denied', 'The issuer refused the credentials of a file.', {
    details: { error, reason: JSON.stringify(description), issuer, source: 'file' },
  });

/** A brake has closed until `nextAttemptAtMs`, in milliseconds since the epoch. */
export const tooMany = (nextAttemptAtMs: number): BrokerError =>
  new BrokerError('too_many_attempts', 'There were too many attempts within a minute.', {
    details: { nextAttemptAtMs },
  });
