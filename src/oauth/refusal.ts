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

/** A description is a sentence or two; whatever is longer is not read to its end. */
const readCharacters = 500;

/** Error codes that mean "our client is not taken", not "the grant is dead": OAuth's, Google's, GitHub's and Slack's. */
const clientErrors = [
  'invalid_client',
  'unauthorized_client',
  'deleted_client',
  'disabled_client',
  'incorrect_client_credentials',
  'bad_client_secret',
];

/** The reason behind an OAuth error answer to a refresh (RFC 6749 §5.2). */
export function refusalReason(error: string, description: string): RefusalReason {
  if (clientErrors.includes(error)) return 'client-gone';
  const words = `${error} ${description}`.slice(0, readCharacters);
  return hints.find(([pattern]) => pattern.test(words))?.[1] ?? 'refused';
}
