import { isOlder, keyOf, type Credential, type CredentialKey } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import type { Removals } from './removals.js';
import type { Latest, SealedJournal } from './sealed-journal.js';

/** Where a credential stands among what is saved; `unknown` while the journal cannot be read. */
export type Standing = 'newest' | 'overtaken' | 'unknown';

/** What the journal says last of each credential, with the removals that it has not taken yet. */
export class Standings {
  constructor(
    private readonly journal: SealedJournal,
    private readonly removals: Pick<Removals, 'untold'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  /** What the journal has last, or what it should have had if it had taken a removal. */
  async latest(key: CredentialKey): Promise<Latest | undefined> {
    const untold = this.removals.untold(key);
    if (untold === undefined) return this.journal.latest(key);
    const latest = await this.journal.latest(key);
    return { kind: 'removed', generation: Math.max(untold.generation, latest?.generation ?? 0) };
  }

  /**
   * Whether another window may have renewed what `latest` is about: the journal cannot be read now, and has not been
   * broken for long.
   */
  async isUncertain(latest: Latest | undefined): Promise<boolean> {
    return latest?.kind === 'unread' && !(await this.journal.health.isGivenUp(this.clock.nowMs()));
  }

  /** @param renewedFrom - the generation whose removal counts against `credential` */
  async of(credential: Credential, renewedFrom = credential.generation): Promise<Standing> {
    const latest = await this.latest(keyOf(credential));
    if (isOvertaken(credential, latest, renewedFrom)) return 'overtaken';
    // What has been granted must be durable somewhere, and a journal that takes nothing will not be that.
    const isUnknown =
      latest?.kind === 'unread' && !(await this.journal.health.isUnusable(this.clock.nowMs()));
    return isUnknown ? 'unknown' : 'newest';
  }
}

function isOvertaken(credential: Credential, latest: Latest | undefined, renewedFrom: number): boolean {
  switch (latest?.kind) {
    case 'record':
      return isOlder(credential, latest.credential);
    case 'unreadable':
    case 'unread':
      return latest.generation > credential.generation;
    case 'removed':
      return latest.generation >= renewedFrom;
    case 'lost':
    case undefined:
      return false;
  }
}

/** What is thrown rather than to guess what the journal has. */
export const unknownStanding = (): BrokerError =>
  new BrokerError('vault_write_failed', 'Nobody knows what the journal has, so it is left alone.');
