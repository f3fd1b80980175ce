import type { Audit } from '../../core/audit.js';
import type { Counters } from '../../core/counters.js';
import type { Credential } from '../../core/credential.js';
import type { ErrorCode } from '../../core/errors.js';

/** Counts how renewals end, and leaves a record of those that said something about a grant. */
export class RefreshNotes {
  constructor(
    private readonly counters: Counters,
    private readonly audit: Audit,
  ) {}

  /**
   * @param credential - as it is afterwards
   * @param code - why there is nothing new
   */
  ended(
    outcome: 'renewed' | 'refused' | 'unavailable' | 'braked',
    credential: Credential,
    code?: ErrorCode,
  ): void {
    const { account, resource, generation, scopes, tokens } = credential;
    this.counters.add(`refreshes.${outcome}`);
    this.audit.record({
      kind: 'refresh',
      outcome,
      account,
      resource,
      generation,
      scopes,
      ...(tokens.kind === 'alive' && { token: tokens.accessToken }),
      ...(code !== undefined && { code }),
    });
  }

  /** It was not needed any more; whoever was faster has left the record. */
  overtaken(): void {
    this.counters.add('refreshes.overtaken');
  }
}
