import { isRenewable, keyText, type Credential, type CredentialKey } from '../../core/credential.js';
import { BrokerError, hasCode } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry } from '../../vault/records/index-entry.js';
import type { Issuers } from '../state/issuers.js';
import { readPatiently } from '../state/patience.js';

export interface GrantBeforeParts {
  readonly clock: Clock;
  readonly vault: CredentialVault;
  readonly issuers: Pick<Issuers, 'missingScopes'>;
}

/**
 * What is stored under `key`, whose place `fresh` may take. The user has just signed in, so a storage that cannot be
 * read for a moment is waited for.
 * @returns undefined, too, when it still cannot be read, and nothing is known that `fresh` would take away
 * @throws BrokerError `record_elsewhere`, `storage_locked` as `CredentialVault.get`; `vault_write_failed` when nobody
 *   can say what would be lost
 */
export async function grantBefore(
  { clock, vault, issuers }: GrantBeforeParts,
  key: CredentialKey,
  fresh: Credential,
): Promise<Credential | undefined> {
  let cause: unknown;
  try {
    return await readPatiently({ clock, vault }, key);
  } catch (error) {
    if (hasCode(error, 'record_elsewhere', 'storage_locked')) throw error;
    cause = error;
  }
  const listed = vault.list().find((entry) => keyText(keyOfEntry(entry)) === keyText(key));
  if (listed === undefined) return undefined;
  const lost = issuers.missingScopes(fresh.account.issuer, fresh.scopes, listed.scopes);
  if (isRenewable(fresh) && lost.length === 0) return undefined;
  throw new BrokerError('vault_write_failed', 'What is stored cannot be read, and may allow more.', {
    cause,
  });
}
