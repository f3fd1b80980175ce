import { isAlive, keyOf, type Credential, type LiveCredential, type Tokens } from '../core/credential.js';
import { BrokerError, describeError, hasCode } from '../core/errors.js';
import type { HeldLease, Leases } from '../core/lease.js';
import type { Clock, Fetch, Log, Random } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import type { TokenAnswer } from '../oauth/token-answer.js';
import { refreshTokens } from '../oauth/token-request.js';
import type { CredentialVault } from '../vault/credentials.js';
import { notNow, refused, signedOutMeanwhile } from './failures.js';
import { newest } from './generation.js';
import { type Held, type Holdings } from './holdings.js';
import type { Issuers } from './issuers.js';
import { Safekeeping } from './safekeeping.js';
import { isUsable, refreshAtMs, retryDelayMs } from './schedule.js';

export interface RefresherParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly vault: CredentialVault;
  readonly leases: Leases;
  readonly holdings: Holdings;
  readonly issuers: Issuers;
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
  readonly #safekeeping: Safekeeping;

  constructor(private readonly parts: RefresherParts) {
    this.#safekeeping = new Safekeeping(parts);
  }

  /**
   * Renews the held credential `key`, or joins the renewal that is under way.
   * @returns the credential that is held afterwards
   * @throws BrokerError `sign_in_required` when it is not held; `grant_refused`; `issuer_unreachable`,
   *   `tls_untrusted`: the credential is kept and another attempt is scheduled
   */
  refresh(key: string): Promise<LiveCredential> {
    const inFlight = this.#flights.get(key);
    if (inFlight !== undefined) return inFlight;
    const flight = this.#fly(key).finally(() => this.#flights.delete(key));
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
  async #fly(key: string): Promise<LiveCredential> {
    const { leases, holdings } = this.parts;
    const before = holdings.get(key);
    if (before === undefined) throw signedOutMeanwhile();
    const isUnderWay = () => holdings.get(key)?.activity.kind === 'refreshing';
    holdings.setActivity(key, { kind: 'refreshing' });
    try {
      const outcome = await leases.hold(key, (lease) => this.#renew(key, before, lease));
      if (outcome.kind === 'renewed') return aliveOrThrow(outcome.credential);
      throw this.#postpone(key, before, asBrokerError(outcome.error), outcome.retryAfterMs);
    } catch (error) {
      if (!isUnderWay() || hasCode(error, 'grant_refused', 'sign_in_required')) throw error;
      // A keyring that cannot be read says nothing about the grant.
      throw this.#postpone(key, before, asBrokerError(error));
    } finally {
      if (isUnderWay()) holdings.setActivity(key, before.activity);
    }
  }

  async #renew(key: string, before: Held, lease: HeldLease): Promise<Outcome> {
    const { clock, holdings } = this.parts;
    const safekeeping = this.#safekeeping;
    const stored = await safekeeping.reload(keyOf(before.credential));
    const credential = newest(safekeeping.present(key), stored);
    if (credential.generation > before.credential.generation) {
      // Another window, or a sign-in, was faster.
      const isDone = !isAlive(credential) || isFresh(credential.tokens, clock.nowMs());
      holdings.take(credential, { kind: isDone ? 'idle' : 'refreshing' });
      if (isDone) return { kind: 'renewed', credential };
    }
    if (!isAlive(credential)) throw refused(credential);
    const { refreshToken } = credential.tokens;
    if (refreshToken === undefined) {
      throw refused(credential);
    }
    const answer = await this.#ask(credential, refreshToken, lease);
    switch (answer.kind) {
      case 'granted':
        return { kind: 'renewed', credential: await safekeeping.keep(credential, answer.tokens, lease) };
      case 'refused':
        return { kind: 'renewed', credential: await safekeeping.bury(credential, answer) };
      case 'unavailable': {
        const present = safekeeping.present(key);
        return present.generation > credential.generation ? { kind: 'renewed', credential: present } : answer;
      }
    }
  }

  async #ask(credential: LiveCredential, refreshToken: Secret, lease: HeldLease): Promise<TokenAnswer> {
    const { fetch, clock, issuers } = this.parts;
    try {
      const server = await issuers.metadata(credential.account.issuer);
      // Right before the request leaves, since it cannot be taken back.
      if (!(await lease.isHeld())) throw new BrokerError('issuer_unreachable', 'Another window took over.');
      return await refreshTokens(fetch, server, credential, refreshToken, clock.nowMs());
    } catch (error) {
      // Whatever kept us from asking says nothing about the grant.
      return { kind: 'unavailable', error: asBrokerError(error) };
    }
  }

  #postpone(key: string, { activity }: Held, error: BrokerError, retryAfterMs = 0): BrokerError {
    const { clock, random, holdings, log } = this.parts;
    const nowMs = clock.nowMs();
    const failures = activity.kind === 'retrying' ? activity.failures + 1 : 1;
    const sinceMs = activity.kind === 'retrying' ? Math.min(activity.sinceMs, nowMs) : nowMs;
    // A certificate that is not trusted will not be trusted ten seconds later.
    const attempt = error.code === 'tls_untrusted' ? Infinity : failures;
    const nextAttemptAtMs = nowMs + retryDelayMs(attempt, random, retryAfterMs);
    holdings.setActivity(key, { kind: 'retrying', failures, sinceMs, nextAttemptAtMs, code: error.code });
    log.warn(
      `Renewing failed, next attempt in ${Math.round((nextAttemptAtMs - nowMs) / 1000)} s: ${describeError(error)}`,
    );
    return notNow(error, nextAttemptAtMs);
  }
}

function aliveOrThrow(credential: Credential): LiveCredential {
  if (isAlive(credential)) return credential;
  throw refused(credential);
}

function isFresh(tokens: Tokens, nowMs: number): boolean {
  const dueAtMs = refreshAtMs(tokens);
  return isUsable(tokens, nowMs) && (dueAtMs === undefined || nowMs < dueAtMs);
}

function asBrokerError(error: unknown): BrokerError {
  if (hasCode(error, 'issuer_unreachable', 'tls_untrusted', 'record_elsewhere')) return error;
  return new BrokerError('issuer_unreachable', 'The token could not be renewed.', { cause: error });
}
