import {
  isAlive,
  isRenewable,
  keyOf,
  succeeds,
  type Credential,
  type LiveCredential,
  type Tokens,
} from '../../core/credential.js';
import type { Audit } from '../../core/audit.js';
import type { Counters } from '../../core/counters.js';
import { BrokerError, describeError, hasCode } from '../../core/errors.js';
import type { HeldLease } from '../../core/lease.js';
import { isCutOff, type Network } from '../../core/network.js';
import type { Clock, Fetch, Log, Random } from '../../core/ports.js';
import type { TokenAnswer } from '../../oauth/token-answer.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { asBrokerError } from './spending-errors.js';
import { Spending, type SpendingAnswer } from './spending.js';
import type { Departures } from '../state/departures.js';
import { notNow, refused, signedOutMeanwhile } from '../state/failures.js';
import { isUnbound, newest } from '../state/generation.js';
import type { Grants } from '../state/grants.js';
import { type Held, type Holdings } from '../state/holdings.js';
import type { Issuers } from '../state/issuers.js';
import type { KeptLeases } from '../state/kept-leases.js';
import type { Leads } from './leads.js';
import type { RefreshQueue, Urgency } from './refresh-queue.js';
import { RefreshNotes } from './refresh-notes.js';
import { Safekeeping } from './safekeeping.js';
import { isUsable, retryDelayMs } from '../state/schedule.js';
import type { Unsaved } from './unsaved.js';

/**
 * Whoever waits for another window takes one of the few places at an issuer. Long enough to see that a holder is frozen;
 * longer than that, the retry waits elsewhere.
 */
const patienceMs = 20_000;

export interface RefresherParts {
  readonly counters: Counters;
  readonly audit: Audit;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly vault: CredentialVault;
  readonly leases: KeptLeases;
  readonly holdings: Holdings;
  readonly departures: Departures;
  readonly issuers: Issuers;
  readonly grants: Grants;
  readonly leads: Leads;
  readonly queue: RefreshQueue;
  readonly unsaved: Unsaved;
  readonly network: Network;
  /** The end of this window. */
  readonly closing: AbortSignal;
}

/** How a renewal ended that the issuer did not refuse. */
type Outcome =
  | { readonly kind: 'renewed'; readonly credential: Credential }
  | Extract<TokenAnswer, { kind: 'unavailable' }>;

/**
 * The one refresh path, for the scheduler ahead of time and for a call in need alike: lease, reload, look again,
 * refresh, save, publish. One flight per credential in this window, one lease among all windows.
 */
export class Refresher {
  readonly #flights = new Map<string, Promise<LiveCredential>>();
  readonly #notes: RefreshNotes;
  readonly #safekeeping: Safekeeping;
  readonly #spending: Spending;

  constructor(private readonly parts: RefresherParts) {
    this.#notes = new RefreshNotes(parts.counters, parts.audit);
    this.#safekeeping = new Safekeeping({ ...parts, notes: this.#notes });
    this.#spending = new Spending(parts);
  }

  /**
   * Renews the held credential `key`, or joins the renewal that is under way.
   * @param urgency - a call goes before background work, also when it joins it
   * @returns the credential that is held afterwards
   * @throws BrokerError `sign_in_required` when it is not held; `grant_refused`; `refresh_queue_full`;
   *   `issuer_unreachable`, `tls_untrusted`, `client_refused`, `token_refused`, `wrong_account`, `too_many_attempts`, `vault_write_failed`,
   *   `renewed_elsewhere`, `renewing_elsewhere`: the credential is kept and another attempt is scheduled; `network_down`: at once, and it goes on when the network is back
   */
  refresh(key: string, urgency: Urgency): Promise<LiveCredential> {
    const { holdings, queue } = this.parts;
    const inFlight = this.#flights.get(key);
    if (inFlight !== undefined) {
      const issuer = holdings.get(key)?.credential.account.issuer;
      if (urgency === 'call' && issuer !== undefined) queue.hurry(issuer, key);
      return inFlight;
    }
    const flight = this.#fly(key, urgency).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  isRenewing(key: string): boolean {
    return this.#flights.has(key);
  }

  /** Resolves when no renewal is under way any more, however each has ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#flights.values());
  }

  /** Says that it is under way while it waits for its turn, too, and ends that however it ends itself. */
  async #fly(key: string, urgency: Urgency): Promise<LiveCredential> {
    const { leases, holdings, queue } = this.parts;
    const before = holdings.get(key);
    if (before === undefined) throw signedOutMeanwhile();
    if (this.#isCutOff(before.credential)) throw this.#pause(key, before);
    const turn = queue.take(before.credential.account.issuer, key, urgency);
    const isUnderWay = () => holdings.get(key)?.activity.kind === 'refreshing';
    holdings.setActivity(key, { kind: 'refreshing' });
    try {
      await turn.begun;
      const outcome = await leases.hold(key, (lease) => this.#renew(key, before, lease), patienceMs);
      if (outcome.kind === 'renewed') return aliveOrThrow(outcome.credential);
      throw this.#postpone(key, before, asBrokerError(outcome.error), outcome.retryAfterMs);
    } catch (error) {
      if (!isUnderWay() || hasCode(error, ...finalCodes)) throw error;
      // A keyring that cannot be read says nothing about the grant.
      throw this.#postpone(key, before, asBrokerError(error));
    } finally {
      if (isUnderWay()) holdings.setActivity(key, before.activity);
      turn.end();
    }
  }

  async #renew(key: string, before: Held, lease: HeldLease): Promise<Outcome> {
    const { clock, holdings, vault } = this.parts;
    const safekeeping = this.#safekeeping;
    // Before it is read, so that whatever is saved after that is known to be newer.
    const seen = await vault.generations.newest(keyOf(before.credential));
    const stored = await safekeeping.reload(keyOf(before.credential));
    const credential = newest(safekeeping.present(key), stored);
    if (succeeds(credential, before.credential)) {
      // Another window, or a sign-in, was faster.
      const isDone = !isAlive(credential) || this.#isFresh(credential.tokens, clock.nowMs());
      holdings.take(credential, { kind: isDone ? 'idle' : 'refreshing' });
      if (isDone) {
        this.#notes.overtaken();
        return { kind: 'renewed', credential };
      }
    }
    if (!isAlive(credential)) throw refused(credential);
    if (!isRenewable(credential)) throw refused(credential);
    const asked = await this.#spending.upToDate(credential);
    const answer = await this.#spending.ask(asked, lease, seen);
    if (answer.exchanged !== undefined) await safekeeping.keep(asked, answer.exchanged, lease);
    switch (answer.kind) {
      case 'granted': {
        const kept = await safekeeping.keep(asked, answer.tokens, lease);
        const isOver =
          isUnbound(answer.tokens, asked.tokens) && isAlive(kept) && !isUsable(kept.tokens, clock.nowMs());
        return isOver ? { kind: 'unavailable', error: unbound() } : { kind: 'renewed', credential: kept };
      }
      case 'refused':
        return { kind: 'renewed', credential: await safekeeping.bury(asked, answer) };
      case 'unavailable': {
        const isElsewhere = hasCode(answer.error, 'renewing_elsewhere');
        const saved = isElsewhere ? await safekeeping.reload(keyOf(credential)) : undefined;
        const present = newest(safekeeping.present(key), saved);
        if (!succeeds(present, credential) || hasNothingButTheLogin(present, answer)) return answer;
        holdings.take(present);
        this.#notes.overtaken();
        return { kind: 'renewed', credential: present };
      }
    }
  }

  #isCutOff(credential: Credential): boolean {
    return isRenewable(credential) && isCutOff(this.parts.network, credential.account.issuer);
  }

  /** Nothing is tried while the network is down, so nothing has failed, and nothing is put off for long. */
  #pause(key: string, { activity }: Held): BrokerError {
    const { clock, holdings } = this.parts;
    const nowMs = clock.nowMs();
    const code = 'network_down';
    if (activity.kind !== 'retrying' || activity.code !== code)
      holdings.setActivity(key, {
        kind: 'retrying',
        failures: 0,
        sinceMs: nowMs,
        nextAttemptAtMs: nowMs,
        code,
      });
    return new BrokerError(code, 'The network is down.');
  }

  #postpone(key: string, { activity, credential }: Held, error: BrokerError, retryAfterMs = 0): BrokerError {
    const { clock, random, holdings, log } = this.parts;
    const nowMs = clock.nowMs();
    const isBraked = error.code === 'too_many_attempts';
    const isInARow = activity.kind === 'retrying' && activity.code !== 'network_down';
    const before = isInARow ? activity : { failures: 0, sinceMs: nowMs };
    // What was held back has not failed.
    const failures = isBraked ? before.failures : before.failures + 1;
    const sinceMs = Math.min(before.sinceMs, nowMs);
    // What somebody has to mend first will not be better ten seconds later.
    const attempt = hasCode(error, 'tls_untrusted', 'client_refused', 'delegation_missing', 'wrong_account')
      ? Infinity
      : failures;
    const nextAttemptAtMs = isBraked
      ? Number(error.details['nextAttemptAtMs'])
      : nowMs + retryDelayMs(attempt, random, retryAfterMs);
    holdings.setActivity(key, {
      kind: 'retrying',
      failures,
      sinceMs,
      nextAttemptAtMs,
      code: error.code,
      details: error.details,
      ...(retryAfterMs > 0 && { isAskedToWait: true }),
    });
    const outcome = isBraked ? 'braked' : 'unavailable';
    this.#notes.ended(outcome, holdings.get(key)?.credential ?? credential, error.code);
    log.warn(
      `Renewing failed, next attempt in ${Math.round((nextAttemptAtMs - nowMs) / 1000)} s: ${describeError(error)}`,
    );
    return notNow(error, nextAttemptAtMs);
  }

  #isFresh(tokens: Tokens, nowMs: number): boolean {
    const dueAtMs = this.parts.leads.dueAtMs(tokens, nowMs);
    return isUsable(tokens, nowMs) && (dueAtMs === undefined || nowMs < dueAtMs);
  }
}

/** Nothing is tried again after these: only the user can help, or nothing was tried at all. */
const finalCodes = ['grant_refused', 'sign_in_required', 'refresh_queue_full'] as const;

/** Whether nobody has got more for a credential than this window has saved just now, which is no access token. */
const hasNothingButTheLogin = ({ tokens }: Credential, { exchanged }: SpendingAnswer): boolean =>
  exchanged !== undefined &&
  tokens.kind === 'alive' &&
  tokens.refreshToken?.equals(exchanged.refreshToken) === true;

const unbound = (): BrokerError =>
  new BrokerError('dpop_unsupported', 'The issuer renews a bound token with one that is not.');

function aliveOrThrow(credential: Credential): LiveCredential {
  if (isAlive(credential)) return credential;
  throw refused(credential);
}
