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
    const { holdings } = this.parts;
    const held = holdings.get(key);
    if (held === undefined) throw signedOutMeanwhile();
    holdings.setActivity(key, { kind: 'refreshing' });
    try {
      return await this.#renewHeld(key, held);
    } catch (error) {
      // A keyring that cannot be read says nothing about the grant either.
      throw error instanceof BrokerError ? error : this.#postpone(key, held, asBrokerError(error));
    } finally {
      if (holdings.get(key)?.activity.kind === 'refreshing') holdings.setActivity(key, held.activity);
    }
  }

  async #renewHeld(key: string, held: Held): Promise<LiveCredential> {
    const { clock, holdings, vault } = this.parts;
    const stored = await vault.get(keyOf(held.credential));
    const present = this.#present(key);
    if (present !== held.credential) return aliveOrThrow(present); // A sign-in finished meanwhile.

    const credential = newest(present, stored);
    if (credential !== present) {
      // Another window was faster.
      if (!isAlive(credential) || isFresh(credential.tokens, clock.nowMs())) {
        holdings.take(credential);
        return aliveOrThrow(credential);
      }
      holdings.take(credential, { kind: 'refreshing' });
    }
    if (!isAlive(credential)) throw refused(credential);
    const { refreshToken } = credential.tokens;
    if (refreshToken === undefined) {
      throw new BrokerError('grant_refused', 'There is no refresh token.', {
        details: { reason: 'not-renewable' },
      });
    }
    const answer = await this.#ask(credential, refreshToken);
    switch (answer.kind) {
      case 'granted':
        return this.#keep(credential, answer.tokens);
      case 'refused':
        return this.#bury(credential, answer);
      case 'unavailable': {
        const now = this.#present(key);
        if (now !== credential) return aliveOrThrow(now);
        throw this.#postpone(key, held, asBrokerError(answer.error), answer.retryAfterMs);
      }
    }
  }

  /**
   * The credential that is held under `key` by now. Another one than before has come from a sign-in; generations do
   * not tell, because signing out begins the count anew.
   * @throws BrokerError `sign_in_required` when the user has signed out
   */
  #present(key: string): Credential {
    const held = this.parts.holdings.get(key);
    if (held === undefined) throw signedOutMeanwhile();
    return held.credential;
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
    const { holdings, clock, log } = this.parts;
    const next = renewed(asked, granted, clock.nowMs());
    const present = holdings.get(keyText(keyOf(asked)))?.credential;
    if (present === undefined) throw await this.#giveBack(next);
    if (present !== asked) return aliveOrThrow(present); // A sign-in finished; its tokens are the ones to use.
    await this.#save(next);
    const now = await this.#install(asked, next);
    if (now === undefined) throw await this.#giveBack(next);
    log.info(`Renewed ${JSON.stringify(asked.account.label)} for ${JSON.stringify(asked.resource)}.`);
    return aliveOrThrow(now);
  }

  /**
   * Holds `next`, which has just been saved in place of `asked`, unless the user signed in or out in that time.
   * @returns what is held now; undefined after a sign-out
   */
  async #install(asked: Credential, next: Credential): Promise<Credential | undefined> {
    const { holdings, vault } = this.parts;
    const present = holdings.get(keyText(keyOf(asked)))?.credential;
    if (present === asked) {
      holdings.take(next);
      return next;
    }
    // Two changes were on their way into the keyring, and nobody knows which came last.
    if (present === undefined) await vault.remove(keyOf(next));
    else await this.#save(present);
    return present;
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
    const present = this.#present(keyText(key));
    if (present !== asked) return aliveOrThrow(present); // A sign-in finished meanwhile.
    const current = newest(asked, stored);
    if (current !== asked) {
      // What was refused is not what is stored any more: another window has replaced it.
      holdings.take(current);
      return aliveOrThrow(current);
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
    const now = await this.#install(asked, buried);
    if (now === undefined) throw signedOutMeanwhile();
    return aliveOrThrow(now);
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

const signedOutMeanwhile = (): BrokerError => new BrokerError('sign_in_required', 'The user has signed out.');

function aliveOrThrow(credential: Credential): LiveCredential {
  if (isAlive(credential)) return credential;
  throw refused(credential);
}

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
  return new BrokerError('issuer_unreachable', 'The token could not be renewed.', { cause: error });
}
