import type { Credential, CredentialKey } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import type { SecretRecords } from '../records/secret-records.js';
import { unknownStanding, type Standings } from './standing.js';

/** More renewals than there can be of a credential that no journal knows of any more. */
const unseenGenerations = 1_000_000;

export interface GenerationsParts {
  /** As `CredentialVault.open`. */
  readonly open: () => Promise<void>;
  readonly records: Pick<SecretRecords, 'get'>;
  readonly standings: Pick<Standings, 'latest' | 'isUncertain'>;
}

/** How far the generations of each credential have come, whichever window saved them; those of removed ones count, too. */
export class Generations {
  constructor(private readonly parts: GenerationsParts) {}

  /**
   * The highest one that is known, for whoever must not miss that another window was faster; 0 when there has been none.
   * The journal is seen by all at once, so where it says something, a keyring that cannot be read is done without.
   * @throws BrokerError `vault_write_failed` when nobody can be certain now; as `CredentialVault.open`
   */
  async newest(key: CredentialKey): Promise<number> {
    const { open, records, standings } = this.parts;
    await open();
    const latest = await standings.latest(key);
    if (await standings.isUncertain(latest)) throw unknownStanding();
    const isJournalled = latest !== undefined && latest.kind !== 'unread';
    const stored = await records.get(key).catch((cause: unknown) => {
      if (isJournalled) return undefined;
      throw new BrokerError('vault_write_failed', 'What is saved cannot be read now.', { cause });
    });
    return highest(latest, stored);
  }

  /** That of what is granted anew: above every one there has been, also in a keyring that cannot be read now. */
  async next(key: CredentialKey): Promise<number> {
    const { open, records, standings } = this.parts;
    const stored = await open()
      .then(() => records.get(key))
      .catch(() => 'unseen' as const);
    const latest = await standings.latest(key);
    return stored === 'unseen' ? highest(latest) + unseenGenerations : highest(latest, stored) + 1;
  }
}

const highest = (...seen: readonly (Pick<Credential, 'generation'> | undefined)[]): number =>
  Math.max(0, ...seen.map((one) => one?.generation ?? 0));
