import type { Audit } from '../../core/audit.js';
import { keyOf, keyText, type Credential } from '../../core/credential.js';
import { describeError } from '../../core/errors.js';
import type { Leases } from '../../core/lease.js';
import type { Clock, Log } from '../../core/ports.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry } from '../../vault/records/index-entry.js';
import type { BoundServers } from './bound-servers.js';
import type { Holdings } from '../state/holdings.js';

export interface DeadAccountsParts {
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
  readonly leases: Leases;
  readonly vault: CredentialVault;
  readonly servers: BoundServers;
  readonly holdings: Holdings;
  /** The end of this window. */
  readonly closing: AbortSignal;
  readonly rules: {
    /** After how long an account is forgotten whose grant was refused for good; 0 for never. */
    readonly removeDeadAfterMs: () => number;
  };
}

/** What is left of credentials that the issuer refused for good: an account without tokens, for as long as the user wants. */
export class DeadAccounts {
  constructor(private readonly parts: DeadAccountsParts) {}

  /** Does what `removeIfOld` does for all that is stored, one after the other, whether a server of this window uses it or not. */
  async removeAllOld(): Promise<void> {
    const { log, vault, closing, rules } = this.parts;
    if (rules.removeDeadAfterMs() <= 0) return;
    for (const entry of vault.list()) {
      if (closing.aborted) return;
      try {
        const stored = await vault.get(keyOfEntry(entry));
        if (stored !== undefined) await this.removeIfOld(stored);
      } catch (error) {
        log.debug(`What is stored could not be looked at: ${describeError(error)}`);
      }
    }
  }

  /**
   * Forgets `credential` when its grant died longer ago than the user's rule says, and nothing has come after it.
   * @throws BrokerError as `CredentialVault.get` and `CredentialVault.remove`
   */
  async removeIfOld(credential: Credential): Promise<void> {
    const { audit, clock, log, leases, vault, servers, holdings, rules } = this.parts;
    const afterMs = rules.removeDeadAfterMs();
    const isOld = ({ tokens }: Credential): boolean =>
      tokens.kind === 'refused' && afterMs > 0 && clock.nowMs() - tokens.refusedAtMs >= afterMs;
    if (!isOld(credential)) return;
    const key = keyOf(credential);
    await leases.hold(keyText(key), async () => {
      const stored = await vault.get(key);
      if (stored === undefined || stored.generation !== credential.generation || !isOld(stored)) return;
      const { account, resource, generation } = stored;
      const users = servers.using({ ...key, account });
      // Unbound first, so that nobody else silently takes the place.
      for (const { id } of users) servers.unbind(id);
      holdings.remove(keyText(key));
      await vault.remove(stored);
      const event = { kind: 'sign-out', outcome: 'expired', account, resource, generation } as const;
      if (users.length === 0) audit.record(event);
      for (const { id } of users) audit.record({ ...event, server: id });
      log.info(`${JSON.stringify(account.label)} is forgotten: the grant was refused long ago.`);
    });
  }
}
