import type { Counters } from '../../core/counters.js';
import { isAlive, type Credential, type LiveCredential } from '../../core/credential.js';
import { describeError, hasCode } from '../../core/errors.js';
import { isCutOff, type Network } from '../../core/network.js';
import type { Clock, Fetch, Log, Random } from '../../core/ports.js';
import type { Secret } from '../../core/secret.js';
import { introspectGrant, type GrantWord } from '../../oauth/introspection.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry } from '../../vault/records/index-entry.js';
import type { Validations } from '../../vault/records/validations.js';
import type { Chore } from '../state/chore.js';
import type { Holdings } from '../state/holdings.js';
import type { Issuers } from '../state/issuers.js';
import type { Leads } from './leads.js';
import type { RefreshQueue } from './refresh-queue.js';
import type { Refresher } from './refresher.js';
import type { DeadAccounts } from '../servers/dead-accounts.js';
import { retryDelayMs } from '../state/schedule.js';

/** The moments after the start belong to whoever waits for it. */
const startDelayMs = 3_000;

/** An issuer's word is taken for this long, across reloads too. */
const wordHoldsMs = 60 * 60_000;

const attemptLimit = 3;

/** How soon it is tried again when there is no network, or no place in the queue. */
const lookAgainMs = 5_000;

export interface RecoveryParts {
  readonly counters: Counters;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly network: Network;
  readonly vault: CredentialVault;
  readonly validations: Validations;
  readonly holdings: Holdings;
  readonly issuers: Issuers;
  readonly leads: Leads;
  readonly queue: RefreshQueue;
  readonly refresher: Refresher;
  readonly deadAccounts: DeadAccounts;
  /** The end of this window. */
  readonly closing: AbortSignal;
  /** Called when something has come to be done. */
  readonly changed: () => void;
}

interface Look {
  readonly issuer: string;
  attempts: number;
  /** `Infinity` while it goes on. */
  nextAtMs: number;
}

/**
 * Looks at each credential that was restored from the storage, in the background: one whose grant has died since is
 * found out before a call needs it. What is due is renewed anyway; about the rest the issuer is asked, where it
 * offers that. Whatever it answers, nothing but a refused renewal makes a credential invalid.
 */
export class Recovery implements Chore {
  readonly #looks = new Map<string, Look>();
  #hasTidied = false;

  constructor(private readonly parts: RecoveryParts) {}

  /** Takes in a credential that has just been read from the storage. */
  restored(credential: Credential, key: string): void {
    const nextAtMs = this.parts.clock.nowMs() + startDelayMs;
    const isFirst = this.#looks.size === 0;
    this.#looks.set(key, { issuer: credential.account.issuer, attempts: 0, nextAtMs });
    if (isFirst) this.parts.changed();
  }

  dueAtMs(nowMs: number): number {
    if (this.#looks.size === 0) return Infinity;
    return Math.min(...[...this.#looks.values()].map((look) => this.#lookAtMs(look, nowMs)));
  }

  begin(): void {
    const nowMs = this.parts.clock.nowMs();
    this.#tidy();
    for (const [key, look] of this.#looks) {
      if (this.#lookAtMs(look, nowMs) > nowMs) continue;
      look.nextAtMs = Infinity;
      void this.#look(key, look);
    }
  }

  #lookAtMs({ issuer, nextAtMs }: Look, nowMs: number): number {
    if (nextAtMs > nowMs) return nextAtMs;
    return isCutOff(this.parts.network, issuer) ? nowMs + lookAgainMs : nextAtMs;
  }

  /** Never rejects. */
  async #look(key: string, look: Look): Promise<void> {
    const { counters, clock, holdings, log, deadAccounts, closing, changed } = this.parts;
    const credential = holdings.get(key)?.credential;
    if (look.attempts === 0 && credential !== undefined) counters.add('recovery.checked');
    try {
      if (credential === undefined) this.#looks.delete(key);
      else if (isAlive(credential)) await this.#validate(key, credential, look);
      else await deadAccounts.removeIfOld(credential);
      this.#looks.delete(key);
    } catch (error) {
      if (closing.aborted) return;
      this.#putOff(key, look, error, clock.nowMs());
      log.debug(`A restored credential could not be checked: ${describeError(error)}`);
      changed();
    }
  }

  /** Keeps the look for another attempt, unless there have been enough. What could not be learned changes nothing. */
  #putOff(key: string, look: Look, error: unknown, nowMs: number): void {
    if (hasCode(error, 'refresh_queue_full')) {
      look.nextAtMs = nowMs + lookAgainMs;
      return;
    }
    look.attempts += 1;
    look.nextAtMs = nowMs + retryDelayMs(look.attempts, this.parts.random);
    if (look.attempts >= attemptLimit) this.#looks.delete(key);
  }

  async #validate(key: string, credential: LiveCredential, look: Look): Promise<void> {
    const { counters, clock, leads, holdings, validations, refresher, closing, log } = this.parts;
    const nowMs = clock.nowMs();
    const { tokens } = credential;
    const { refreshToken } = tokens;
    const isDue = (leads.dueAtMs(tokens, nowMs) ?? Infinity) <= nowMs;
    const wordAtMs = Math.max(tokens.issuedAtMs, validations.askedAtMs(key) ?? 0);
    const holds = wordAtMs <= nowMs && nowMs - wordAtMs < wordHoldsMs;
    if (refreshToken === undefined || isDue || holds) return;
    const word = await this.#ask(key, credential, refreshToken, look);
    const isOvertaken = holdings.get(key)?.credential.generation !== credential.generation;
    if (closing.aborted || isOvertaken) return;
    if (word === 'inactive') {
      log.info(`${JSON.stringify(look.issuer)} takes a restored grant for dead; a renewal will tell.`);
      await refresher.refresh(key, 'background').then(
        () => counters.add('recovery.renewed'),
        // Whatever came of it is in the state; there is nothing to add.
        (error: unknown) => log.debug(`Background: ${describeError(error)}`),
      );
      return;
    }
    if (word === 'active') counters.add('recovery.confirmed');
    await validations.asked(key, clock.nowMs());
  }

  /** In the queue of its issuer, behind every call. */
  async #ask(key: string, credential: LiveCredential, token: Secret, look: Look): Promise<GrantWord> {
    const { counters, fetch, queue, issuers, closing } = this.parts;
    const turn = queue.take(look.issuer, `recovery of ${key}`, 'background');
    try {
      await turn.begun;
      counters.add('recovery.attempts');
      const server = await issuers.metadata(look.issuer, credential.resource);
      return await introspectGrant(fetch, server, credential, token, closing);
    } finally {
      turn.end();
    }
  }

  /** Once in each window, when the vault is open and knows everybody. */
  #tidy(): void {
    if (this.#hasTidied) return;
    this.#hasTidied = true;
    const { vault, validations, deadAccounts, log } = this.parts;
    void deadAccounts.removeAllOld();
    validations.prune(vault.list().map(keyOfEntry)).catch((error: unknown) => {
      log.warn(`Old validations were not forgotten: ${describeError(error)}`);
    });
  }
}
