import type { Audit } from '../../core/audit.js';
import type { Counters } from '../../core/counters.js';
import type { Credential } from '../../core/credential.js';
import type { Network } from '../../core/network.js';
import type { Clock, Fetch, Log, Memento, Random } from '../../core/ports.js';
import type { Bindings } from '../../vault/ledgers/bindings.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { Validations } from '../../vault/records/validations.js';
import type { BoundServers } from '../servers/bound-servers.js';
import type { Departures } from '../state/departures.js';
import type { Grants } from '../state/grants.js';
import type { Holdings } from '../state/holdings.js';
import type { Issuers } from '../state/issuers.js';
import type { KeptLeases } from '../state/kept-leases.js';
import { Leads } from './leads.js';
import { Recovery } from './recovery.js';
import { RefreshQueue } from './refresh-queue.js';
import { Refresher } from './refresher.js';
import { DeadAccounts, type DeadAccountsParts } from '../servers/dead-accounts.js';
import { Scheduler } from './scheduler.js';
import { UnusedBindings, type UnusedBindingsParts } from '../servers/unused-bindings.js';
import { Unsaved } from './unsaved.js';

export interface RenewalsParts {
  readonly rules: DeadAccountsParts['rules'] &
    UnusedBindingsParts['rules'] & { readonly refreshLeadMs: () => number };
  readonly counters: Counters;
  readonly audit: Audit;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly memento: Memento;
  readonly leases: KeptLeases;
  readonly network: Network;
  readonly vault: CredentialVault;
  readonly servers: BoundServers;
  readonly bindings: Bindings;
  readonly holdings: Holdings;
  readonly departures: Departures;
  readonly issuers: Issuers;
  readonly grants: Grants;
  /** The end of this window. */
  readonly closing: AbortSignal;
}

/** All that keeps the credentials of a window fresh: the one refresh path, and the timer that goes it ahead of time. */
export class Renewals {
  readonly refresher: Refresher;
  readonly #queue: RefreshQueue;
  readonly #unsaved: Unsaved;
  readonly #recovery: Recovery;
  readonly #scheduler: Scheduler;

  constructor(parts: RenewalsParts) {
    const changed = () => this.look();
    const leads = new Leads(parts.rules.refreshLeadMs, parts.random);
    const queue = new RefreshQueue(parts.counters, parts.log);
    const unsaved = new Unsaved({ ...parts, changed });
    const refresher = new Refresher({ ...parts, leads, queue, unsaved });
    const deadAccounts = new DeadAccounts(parts);
    const validations = new Validations(parts.memento, parts.log);
    const recovery = new Recovery({ ...parts, leads, queue, refresher, deadAccounts, validations, changed });
    this.refresher = refresher;
    this.#queue = queue;
    this.#unsaved = unsaved;
    this.#recovery = recovery;
    const chores = [unsaved, recovery, new UnusedBindings(parts)];
    this.#scheduler = new Scheduler({ ...parts, leads, refresher, chores });
  }

  /** To be called with each credential that has just been read from the storage. */
  restored(credential: Credential, key: string): void {
    this.#recovery.restored(credential, key);
  }

  /** To be called when this window may use more than before, which its one timer then looks after. */
  look(): void {
    this.#scheduler.look();
  }

  /** Begins nothing more. Resolves when what has left is saved: a renewal cannot be taken back. */
  async close(): Promise<void> {
    this.#scheduler.dispose();
    this.#queue.close();
    // A renewal may wait for another window, and what is only in memory does not wait with it.
    await Promise.all([this.refresher.settled(), this.#unsaved.saveAll()]);
    await this.#unsaved.close();
  }
}
