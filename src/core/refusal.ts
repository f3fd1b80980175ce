/**
 * Why only the user can help, in the few kinds that lead to different words.
 * - `revoked`: the grant was withdrawn, by the user or an administrator
 * - `expired`: the grant had an end, and it is reached
 * - `password-changed`: the account's password was changed
 * - `access-removed`: a policy or an administrator no longer allows it
 * - `testing-expired`: the client's project is in testing, where a grant ends after seven days
 * - `unused`: nobody used the grant for months
 * - `session-control`: an organization wants its people to sign in again every few hours
 * - `admin-policy`: an administrator does not allow this client
 * - `untold`: revoked, a changed password or too many sign-ins elsewhere, which the issuer does not tell apart
 * - `client-mismatch`: the grant was given to another client, or the client's secret is another one now
 * - `other-account`: somebody else has logged in to the file that the tokens come from
 * - `refused`: the issuer gave no reason that we understand
 * - `client-gone`: the issuer no longer knows the client that it had registered for us
 * - `not-renewable`: the access token ended, and the issuer never gave a refresh token
 * - `secret-missing`: the storage has lost the credential
 * - `window-lost`: a window ended while it renewed, before it had stored what the issuer gave it
 * - `answer-lost`: the issuer's answer to an earlier renewal has never arrived
 */
export type RefusalReason =
  | 'revoked'
  | 'expired'
  | 'password-changed'
  | 'access-removed'
  | 'testing-expired'
  | 'unused'
  | 'session-control'
  | 'admin-policy'
  | 'untold'
  | 'client-mismatch'
  | 'other-account'
  | 'refused'
  | 'client-gone'
  | 'not-renewable'
  | 'secret-missing'
  | CutOff;

/** How a renewal can end so that nobody knows whether the refresh token has been spent (OAuth 2.1 §4.3.1). */
export type CutOff = 'window-lost' | 'answer-lost';

/** The reasons, for parsers of stored records. */
export const refusalReasons: readonly RefusalReason[] = [
  'revoked',
  'expired',
  'password-changed',
  'access-removed',
  'testing-expired',
  'unused',
  'session-control',
  'admin-policy',
  'untold',
  'client-mismatch',
  'other-account',
  'refused',
  'client-gone',
  'not-renewable',
  'secret-missing',
  'window-lost',
  'answer-lost',
];
