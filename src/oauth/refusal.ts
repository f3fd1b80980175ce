import type { RefusalReason } from '../core/refusal.js';

/**
 * What authorization servers write when a grant has died, and what it means. RFC 6749 §5.2 has one code for all of
 * it, so the description is the only hint; the first row that fits wins. It decides words alone, never what happens.
 */
const hints: readonly (readonly [RegExp, RefusalReason])[] = [
  [/password/i, 'password-changed'],
  [/admin|policy|disabled|suspended|deactivated|not[_ ]allowed|access[_ ]denied/i, 'access-removed'],
  [/revoked.*expired|expired.*revoked/i, 'refused'],
  [/revoked|withdrawn|removed/i, 'revoked'],
  [/expired|too old|inactiv/i, 'expired'],
];

/** Error codes that mean "our client is not taken", not "the grant is dead": OAuth's, Google's, GitHub's and Slack's. */
const clientErrors = [
  'invalid_client',
  'unauthorized_client',
  'deleted_client',
  'disabled_client',
  'incorrect_client_credentials',
  'bad_client_secret',
];

/**
 * The errors after which a refresh token is not worth another try: those of the specifications, and those that
 * issuers have made up for the same. Gateways and firewalls write `forbidden` or `rate_limited` into the same place.
 * @see RFC 6749 §5.2; RFC 8707 §2; RFC 6750 §3.1; OpenID Connect Core §3.1.2.6
 */
const finalErrors = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'invalid_token',
  'access_denied',
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
  'expired_token',
  // GitHub
  'bad_refresh_token',
  'incorrect_client_credentials',
  // Google
  'deleted_client',
  'disabled_client',
  'admin_policy_enforced',
  'org_internal',
  // Slack
  'invalid_refresh_token',
  'token_expired',
  'token_revoked',
  'account_inactive',
  'bad_client_secret',
]);

/** Whether `error`, in answer to a refresh, is about the grant or the client and not about this one attempt. */
export function isFinal(error: string): boolean {
  return finalErrors.has(error);
}

/** The reason behind an OAuth error answer to a refresh (RFC 6749 §5.2). */
export function refusalReason(error: string, description: string): RefusalReason {
  if (clientErrors.includes(error)) return 'client-gone';
  return hints.find(([pattern]) => pattern.test(`${error} ${description}`))?.[1] ?? 'refused';
}
