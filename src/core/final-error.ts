/** Whether `error`, in answer to a request for a token, is about the grant or the client and not about this one attempt. */
export function isFinal(error: string): boolean {
  return finalErrors.has(error);
}

/**
 * The errors after which a grant is not worth another try: those of the specifications, and those that
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
