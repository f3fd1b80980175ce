import {
  isAlive,
  keyOf,
  keyText,
  type Credential,
  type LiveCredential,
  type Tokens,
} from '../core/credential.js';
import { BrokerError, describeError, hasCode } from '../core/errors.js';
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
  readonly holdings: Holdings;
  readonly issuers: Issuers;
}

/**
 * The one refresh path, for the scheduler ahead of time and for a call in need alike: reload, look again, refresh,
 * save, publish. One flight per credential.
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
    const flight = this.#renew(key).finally(() => this.#flights.delete(key));
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

  async #renew(key: string): Promise<LiveCredential> {
    const { clock, holdings, vault } = this.parts;
    const held = holdings.get(key);
    if (held === undefined) throw new BrokerError('sign_in_required', 'The credential is gone.');

    const stored = await vault.get(keyOf(held.credential));
    if (stored !== undefined && stored.generation > held.credential.generation) {
      // Another window was faster.
      holdings.take(stored);
      if (isAlive(stored) && isFresh(stored.tokens, clock.nowMs())) return stored;
    }

    const credential = holdings.get(key)?.credential ?? held.credential;
    if (!isAlive(credential)) throw refused(credential);
    const { refreshToken } = credential.tokens;
    if (refreshToken === undefined) {
      throw new BrokerError('grant_refused', 'There is no refresh token.', {
        details: { reason: 'not-renewable' },
      });
    }
    holdings.setActivity(key, { kind: 'refreshing' });
    const answer = await this.#ask(credential, refreshToken);
    switch (answer.kind) {
      case 'granted':
        return this.#keep(credential, answer.tokens);
      case 'refused':
        return this.#bury(credential, answer);
      case 'unavailable':
        throw this.#postpone(key, held, asBrokerError(answer.error), answer.retryAfterMs);
    }
  }

  async #ask(credential: LiveCredential, refreshToken: Secret): Promise<TokenAnswer> {
    const { fetch, clock, issuers } = this.parts;
    try {
      const server = await issuers.metadata(credential.account.issuer);
      return await refreshTokens(fetch, server, credential, refreshToken, clock.nowMs());
    } catch (error) {
      // Whatever kept us from asking says nothing about the grant.
      return { kind: 'unavailable', error: asBrokerError(error) };
    }
  }

  async #keep(asked: LiveCredential, granted: GrantedTokens): Promise<LiveCredential> {
    const { holdings, vault, log } = this.parts;
    const key = keyText(keyOf(asked));
    const next = renewed(asked, granted, this.parts.clock.nowMs());
    const present = holdings.get(key)?.credential;
    if (present === undefined) throw await this.#giveBack(next);
    if (present.generation > asked.generation) {
      // A sign-in finished meanwhile; its tokens are the ones to use.
      if (isAlive(present)) return present;
      throw refused(present);
    }
    await this.#save(next);
    if (holdings.get(key) === undefined) {
      await vault.remove(keyOf(next));
      throw await this.#giveBack(next);
    }
    holdings.take(next);
    log.info(`Renewed ${JSON.stringify(asked.account.label)} for ${JSON.stringify(asked.resource)}.`);
    return next;
  }

  /** The old refresh token may be spent, so what came in its place must outlive a save that fails. */
  async #save(next: LiveCredential): Promise<void> {
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

  async #bury(
    asked: LiveCredential,
    answer: Extract<TokenAnswer, { kind: 'refused' }>,
  ): Promise<LiveCredential> {
    const { holdings, vault, clock, log } = this.parts;
    const key = keyOf(asked);
    log.warn(
      `${JSON.stringify(asked.account.issuer)} refused to renew ${JSON.stringify(asked.account.label)}: ` +
        `${JSON.stringify(answer.error)} ${JSON.stringify(answer.description)}.`,
    );
    const stored = await vault.get(key);
    const held = holdings.get(keyText(key));
    if (held === undefined) throw signedOutMeanwhile();
    const present = newest(held.credential, stored);
    if (present.generation > asked.generation) {
      // What was refused is not what is stored any more: another window or a sign-in has replaced it.
      holdings.take(present);
      if (isAlive(present)) return present;
      throw refused(present);
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
    holdings.take(buried);
    throw refused(buried);
  }

  async #forgetClient({ client }: LiveCredential): Promise<void> {
    const { vault } = this.parts;
    const stored = await vault.client(client.issuer);
    if (stored?.clientId === client.clientId) await vault.removeClient(client.issuer);
  }

  #postpone(key: string, held: Held, error: BrokerError, retryAfterMs = 0): BrokerError {
    const { clock, random, holdings, log } = this.parts;
    const nowMs = clock.nowMs();
    const { activity } = held;
    const failures = activity.kind === 'retrying' ? activity.failures + 1 : 1;
    const sinceMs = activity.kind === 'retrying' ? activity.sinceMs : nowMs;
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

const signedOutMeanwhile = (): BrokerError =>
  new BrokerError('sign_in_required', 'The user signed out while the token was renewed.');

function renewed(asked: LiveCredential, granted: GrantedTokens, nowMs: number): LiveCredential {
  return {
    ...asked,
    generation: asked.generation + 1,
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

const newest = (held: Credential, stored: Credential | undefined): Credential =>
  stored !== undefined && stored.generation > held.generation ? stored : held;

function isFresh(tokens: Tokens, nowMs: number): boolean {
  const dueAtMs = refreshAtMs(tokens);
  return isUsable(tokens, nowMs) && (dueAtMs === undefined || nowMs < dueAtMs);
}

function asBrokerError(error: unknown): BrokerError {
  if (hasCode(error, 'issuer_unreachable', 'tls_untrusted')) return error;
  return new BrokerError('issuer_unreachable', 'The issuer gave no usable answer.', { cause: error });
}
