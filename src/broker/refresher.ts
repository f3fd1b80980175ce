import {
  isAlive,
  keyOf,
  keyText,
  type Credential,
  type CredentialKey,
  type LiveCredential,
  type Tokens,
} from '../core/credential.js';
import { BrokerError, describeError, hasCode } from '../core/errors.js';
import type { HeldLease, Leases } from '../core/lease.js';
import type { Clock, Fetch, Log, Random } from '../core/ports.js';
import type { Secret } from '../core/secret.js';
import type { GrantedTokens, TokenAnswer } from '../oauth/token-answer.js';
import { refreshTokens } from '../oauth/token-request.js';
import { revokeGrant } from '../oauth/revocation.js';
import type { CredentialVault } from '../vault/credentials.js';
import { type Held, type Holdings } from './holdings.js';
import type { Issuers } from './issuers.js';
import { isUsable, refreshAtMs, retryDelayMs } from './schedule.js';

/** A full disk or a locked keyring may be over in a moment. */
const saveAttemptDelaysMs = [200, 1_000, 3_000];

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

  constructor(private readonly parts: RefresherParts) {}

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
    const stored = await this.#reload(keyOf(before.credential));
    const credential = newest(this.#present(key), stored);
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
        return { kind: 'renewed', credential: await this.#keep(credential, answer.tokens, lease) };
      case 'refused':
        return { kind: 'renewed', credential: await this.#bury(credential, answer) };
      case 'unavailable': {
        const present = this.#present(key);
        return present.generation > credential.generation ? { kind: 'renewed', credential: present } : answer;
      }
    }
  }

  /**
   * The credential that is held under `key` by now; a sign-in, or news of another window, may have replaced it.
   * @throws BrokerError `sign_in_required` when the user has signed out
   */
  #present(key: string): Credential {
    const held = this.parts.holdings.get(key);
    if (held === undefined) throw signedOutMeanwhile();
    return held.credential;
  }

  /** What is stored now; a record that cannot be read says that the one in memory may be spent. */
  async #reload(key: CredentialKey): Promise<Credential | undefined> {
    const { holdings, vault } = this.parts;
    const stored = await vault.get(key);
    if (stored !== undefined || !(await vault.isRemoved(key))) return stored;
    holdings.remove(keyText(key));
    throw signedOutMeanwhile();
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

  async #keep(asked: LiveCredential, granted: GrantedTokens, lease: HeldLease): Promise<Credential> {
    const { clock, holdings, log } = this.parts;
    // Nothing but what has to be known stands between the answer and its saving: a crash here loses the grant.
    if (!(await lease.isHeld())) await this.#catchUp(asked);
    const present = holdings.get(keyText(keyOf(asked)))?.credential;
    const generation = Math.max(asked.generation, present?.generation ?? 0) + 1;
    const next = renewed(asked, granted, generation, clock.nowMs());
    if (present === undefined) throw await this.#giveBack(next);
    // A sign-in or another window was faster; its tokens are the ones to use. A refusal is older than this grant.
    if (present.generation > asked.generation && isAlive(present)) return present;
    await this.#save(next);
    const now = await this.#install(next);
    if (now === undefined) throw await this.#giveBack(next);
    log.info(`Renewed ${JSON.stringify(asked.account.label)} for ${JSON.stringify(asked.resource)}.`);
    return now;
  }

  /**
   * Holds `next`, which has just been saved, unless the user signed in or out in that time.
   * @returns what is held now; undefined after a sign-out
   */
  async #install(next: Credential): Promise<Credential | undefined> {
    const { holdings, vault } = this.parts;
    const present = holdings.get(keyText(keyOf(next)))?.credential;
    if (present !== undefined && present.generation <= next.generation) {
      holdings.take(next);
      return next;
    }
    // Where leases cannot be kept, two changes were on their way, and nobody knows which came last.
    if (present === undefined) await vault.remove(next);
    else await this.#save(present);
    return present;
  }

  /** This window was frozen while it asked, and another one has taken over: what has it done? */
  async #catchUp(asked: LiveCredential): Promise<void> {
    const { holdings, vault, log } = this.parts;
    try {
      const stored = await vault.get(keyOf(asked));
      if (stored !== undefined) holdings.take(stored, { kind: 'refreshing' });
      else if (await vault.isRemoved(keyOf(asked))) holdings.remove(keyText(keyOf(asked)));
    } catch (error) {
      log.warn(`What another window did cannot be read: ${describeError(error)}`);
    }
  }

  /** The old refresh token may be spent, so what came in its place must outlive a save that fails. */
  async #save(next: Credential): Promise<void> {
    const { vault, clock, log } = this.parts;
    for (const delayMs of saveAttemptDelaysMs) {
      try {
        await vault.put(next);
        return;
      } catch (error) {
        log.error(`Saving a renewed credential failed, trying again: ${describeError(error)}`);
      }
      await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    }
    await vault.put(next).catch((error: unknown) => {
      log.error(`A renewed credential is only in this window's memory: ${describeError(error)}`);
    });
  }

  async #bury(asked: LiveCredential, answer: Extract<TokenAnswer, { kind: 'refused' }>): Promise<Credential> {
    const { holdings, vault, clock, log } = this.parts;
    const key = keyOf(asked);
    log.warn(
      `${JSON.stringify(asked.account.issuer)} refused to renew ${JSON.stringify(asked.account.label)}: ` +
        `${JSON.stringify(answer.error)} ${JSON.stringify(answer.description)}.`,
    );
    const current = newest(this.#present(keyText(key)), await vault.get(key));
    if (current.generation > asked.generation) {
      // What was refused is not what is stored any more: another window or a sign-in has replaced it.
      holdings.take(current);
      return current;
    }
    if (answer.reason === 'client-gone') await this.#forgetClient(asked);
    const buried: Credential = {
      ...asked,
      generation: asked.generation + 1,
      tokens: { kind: 'refused', reason: answer.reason, refusedAtMs: clock.nowMs() },
    };
    await vault.put(buried).catch((error: unknown) => {
      log.error(`That the grant is dead could not be saved: ${describeError(error)}`);
    });
    const now = await this.#install(buried);
    if (now === undefined) throw signedOutMeanwhile();
    return now;
  }

  async #forgetClient({ client }: LiveCredential): Promise<void> {
    const { vault } = this.parts;
    const stored = await vault.client(client.issuer);
    if (stored?.clientId === client.clientId) await vault.removeClient(client.issuer);
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

  /** The user signed out while the renewal was under way, so what it brought is not kept. */
  async #giveBack(credential: LiveCredential): Promise<BrokerError> {
    const { fetch, issuers, log } = this.parts;
    try {
      await revokeGrant(fetch, await issuers.metadata(credential.account.issuer), credential);
    } catch (error) {
      log.warn(`A grant that is no longer wanted could not be revoked: ${describeError(error)}`);
    }
    return signedOutMeanwhile();
  }
}

/** The error that callers get while attempts go on in the background. */
export function notNow(cause: BrokerError, nextAttemptAtMs: number): BrokerError {
  return new BrokerError(cause.code, cause.message, {
    cause,
    details: { ...cause.details, nextAttemptAtMs },
  });
}

/** The error that callers get when only the user can help. */
export function refused(credential: Credential): BrokerError {
  const reason = credential.tokens.kind === 'refused' ? credential.tokens.reason : 'not-renewable';
  return new BrokerError('grant_refused', 'The grant is dead.', {
    details: { reason, account: credential.account.label },
  });
}

const signedOutMeanwhile = (): BrokerError => new BrokerError('sign_in_required', 'The user has signed out.');

function aliveOrThrow(credential: Credential): LiveCredential {
  if (isAlive(credential)) return credential;
  throw refused(credential);
}

function renewed(
  asked: LiveCredential,
  granted: GrantedTokens,
  generation: number,
  nowMs: number,
): LiveCredential {
  return {
    ...asked,
    generation,
    scopes: granted.scopes ?? asked.scopes,
    tokens: tokensFrom(granted, nowMs, asked.tokens),
  };
}

/**
 * The tokens of a grant as they are held.
 * @param previous - whose refresh token stays in use when the answer brings none (RFC 6749 §6)
 */
export function tokensFrom(granted: GrantedTokens, nowMs: number, previous?: Tokens): Tokens {
  const refreshToken = granted.refreshToken ?? previous?.refreshToken;
  return {
    kind: 'alive',
    accessToken: granted.accessToken,
    ...(refreshToken !== undefined && { refreshToken }),
    issuedAtMs: nowMs,
    ...(granted.lifetimeSeconds !== undefined && { expiresAtMs: nowMs + granted.lifetimeSeconds * 1000 }),
  };
}

/** The stored form of a credential when it is newer than the one that is held. */
export const newest = (held: Credential, stored: Credential | undefined): Credential =>
  stored !== undefined && stored.generation > held.generation ? stored : held;

function isFresh(tokens: Tokens, nowMs: number): boolean {
  const dueAtMs = refreshAtMs(tokens);
  return isUsable(tokens, nowMs) && (dueAtMs === undefined || nowMs < dueAtMs);
}

function asBrokerError(error: unknown): BrokerError {
  if (hasCode(error, 'issuer_unreachable', 'tls_untrusted', 'record_elsewhere')) return error;
  return new BrokerError('issuer_unreachable', 'The token could not be renewed.', { cause: error });
}
