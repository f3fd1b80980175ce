import type { Credential, CredentialKey } from '../../core/credential.js';
import { BrokerError, hasCode } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import { pause } from '../../core/waiting.js';
import type { CredentialVault } from '../../vault/credentials.js';

/** A full disk or a locked keyring may be over in a moment. */
const delaysMs = [200, 1_000, 3_000];

/**
 * Does what the storage may fail at, four times within some four seconds at most.
 * @param attempt - is told how often it was made before
 * @param failed - is told of each failure
 * @throws (from the result) as the last attempt; at once what no attempt of this window can mend: `record_elsewhere`,
 *   `storage_locked`
 */
export async function patiently<T>(
  clock: Clock,
  attempt: (before: number) => Promise<T>,
  failed: (error: unknown) => void = () => undefined,
): Promise<T> {
  for (let before = 0; ; before += 1) {
    try {
      return await attempt(before);
    } catch (error) {
      failed(error);
      const delayMs = delaysMs[before];
      if (delayMs === undefined || hasCode(error, 'record_elsewhere', 'storage_locked')) throw error;
      await pause(clock, delayMs);
    }
  }
}

/**
 * What is stored under `key`, as `CredentialVault.get`.
 * @throws (from the result) BrokerError as `CredentialVault.get`; `vault_write_failed` when it cannot be read by then
 */
export async function readPatiently(
  { clock, vault }: { readonly clock: Clock; readonly vault: CredentialVault },
  key: CredentialKey,
  need?: 'certain' | 'likely',
): Promise<Credential | undefined> {
  try {
    return await patiently(clock, () => vault.get(key, need));
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw new BrokerError('vault_write_failed', 'What is stored cannot be read.', { cause });
  }
}
