import type { Account } from '../core/account.js';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import type { AuthorizationServer } from './authorization-server.js';
import { guardedFetch } from './guarded-fetch.js';
import { verifiedAccountFrom } from './identity.js';
import { readAnswer } from './normalized-answer.js';

/**
 * Asks the issuer for whom an access token speaks, where no ID token says so: `verifiedAccountFrom`.
 * @throws BrokerError `identity_missing` when it does not say; `issuer_unreachable`, `tls_untrusted`,
 *   `address_refused`, `network_refused`; or the signal's reason
 * @see OpenID Connect Core §5.3
 */
export async function askWhoItIs(
  fetch: Fetch,
  { issuer, userinfo_endpoint: endpoint }: AuthorizationServer,
  accessToken: Secret,
  signal?: AbortSignal,
): Promise<Account> {
  const missing = (why: string) =>
    new BrokerError('identity_missing', `${JSON.stringify(issuer)} ${why}.`, { details: { issuer } });
  if (endpoint === undefined) throw missing('says nowhere who somebody is');
  const response = await guardedFetch(fetch)(endpoint, {
    headers: { authorization: `Bearer ${accessToken.reveal()}`, accept: 'application/json' },
    namedBy: issuer,
    ...(signal && { signal }),
  });
  const claims = response.status === 200 ? await readAnswer(response) : undefined;
  const account = claims && verifiedAccountFrom(issuer, claims);
  if (account === undefined) throw missing(`answers ${response.status}, and names nobody`);
  return account;
}
