import { sameAccount, type Account } from '../core/account.js';
import { isAlive, isRenewable, keyOf, keyText, type LiveCredential } from '../core/credential.js';
import type { Audit } from '../core/audit.js';
import { BrokerError, hasCode, type ErrorDetails } from '../core/errors.js';
import type { Clock } from '../core/ports.js';
import type { ServerId } from '../core/server.js';
import type { Secret } from '../core/secret.js';
import type { LentToken } from '../core/token-source.js';
import { missingScopes } from '../oauth/challenge.js';
import { resourceProof } from '../oauth/dpop.js';
import type { Sessions } from '../vault/ledgers/sessions.js';
import type { BoundServers } from './servers/bound-servers.js';
import { Brake } from './state/brake.js';
import { nobody, notNow, refused } from './state/failures.js';
import type { Held, Holdings } from './state/holdings.js';
import type { Loader } from './servers/loader.js';
import type { Reaches } from './state/reaches.js';
import type { Refresher } from './refresh/refresher.js';
import { attemptAtMs, isUsable } from './state/schedule.js';
import { forbidden, type StepUps } from './state/step-ups.js';

/** So many servers that refuse the token they share are believed. */
const refusalsBelieved = 2;

/**
 * A server that refuses token after token is not helped by more of them. Each window counts for itself, and two do not
 * drive each other on: what one has renewed under the lease is what the other finds when it looks under the lease, and
 * takes instead of asking. So the windows together ask no more often than each of them may, times their number, and
 * only while each has a call of its own that is refused again.
 */
const forcedRefreshesPerMinute = 5;

export interface LendingParts {
  readonly audit: Audit;
  readonly clock: Clock;
  readonly loader: Loader;
  readonly servers: Pick<BoundServers, 'using'>;
  readonly sessions: Sessions;
  readonly holdings: Holdings;
  readonly refresher: Refresher;
  readonly reaches: Reaches;
  readonly stepUps: StepUps;
  /** Signs in for a server without the user, where that can be; undefined where not. */
  readonly signInSilently: (id: ServerId) => Promise<Account | undefined>;
}

/** Lends tokens to calls: the right account's, fresh enough to arrive, newer when a server refused one. */
export class Lending {
  readonly #brake: Brake;
  /** The token that each server was lent last, so that a delivery is recorded once. */
  readonly #delivered = new Map<ServerId, Secret>();
  /** The servers that refuse the token of a credential that cannot be renewed, by the credential's key. */
  readonly #refusals = new Map<string, { readonly token: Secret; readonly by: Set<ServerId> }>();

  constructor(private readonly parts: LendingParts) {
    this.#brake = new Brake(parts.clock, forcedRefreshesPerMinute, 60_000);
  }

  /** @throws BrokerError as `TokenSource.accessToken` */
  async accessToken(id: ServerId, session?: string): Promise<LentToken> {
    const atHand = this.#atHand(id, session);
    if (atHand !== undefined) return this.#lend(id, atHand);
    return unlessReplaced(async () =>
      this.#lend(id, await this.#usable(await this.#keyFor(id, session), id)),
    );
  }

  /** What nearly every call gets: it is in memory and can be used, and so is whose the session is. */
  #atHand(id: ServerId, session: string | undefined): LiveCredential | undefined {
    const { clock, loader, sessions } = this.parts;
    const held = loader.atHand(id);
    if (held === undefined || held.activity.kind === 'ended' || !isAlive(held.credential)) return undefined;
    const { credential } = held;
    const owner = session === undefined ? credential.account : sessions.accountAtHand(id, session);
    const isOwn = owner !== undefined && sameAccount(owner, credential.account);
    return isOwn && isUsable(credential.tokens, clock.nowMs()) ? credential : undefined;
  }

  /** @throws BrokerError as `TokenSource.newerToken` */
  newerToken(id: ServerId, session: string | undefined, refusedToken: LentToken): Promise<LentToken> {
    return unlessReplaced(() => this.#newerToken(id, session, refusedToken));
  }

  async #newerToken(id: ServerId, session: string | undefined, refusedToken: LentToken): Promise<LentToken> {
    const { holdings, refresher } = this.parts;
    const key = await this.#keyFor(id, session);
    const credential = holdings.get(key)?.credential;
    const isRefused =
      credential !== undefined &&
      isAlive(credential) &&
      credential.tokens.accessToken.equals(refusedToken.token);
    if (!isRefused) return this.#lend(id, await this.#usable(key, id));
    if (!isRenewable(credential)) {
      if (!this.#isRefusedBy(id, key, credential)) throw rejected(credential, { shared: 1 });
      // The record stays: what servers say is not the issuer's word.
      holdings.setActivity(key, { kind: 'ended' });
      throw refused(credential);
    }
    if (!refresher.isRenewing(key) && !this.#brake.admits(key)) throw rejected(credential);
    return this.#lend(id, await refresher.refresh(key, 'call'));
  }

  /**
   * Notes that `id` refuses the token of `credential`.
   * @returns whether that is enough to take it for ended: one server of several that use it may be wrong, or hostile
   */
  #isRefusedBy(id: ServerId, key: string, credential: LiveCredential): boolean {
    const token = credential.tokens.accessToken;
    const before = this.#refusals.get(key);
    const refusal = before?.token.equals(token) === true ? before : { token, by: new Set<ServerId>() };
    this.#refusals.set(key, refusal);
    refusal.by.add(id);
    const using = this.parts.servers.using({ ...keyOf(credential), account: credential.account });
    const refusing = using.filter((server) => refusal.by.has(server.id));
    return refusing.length >= Math.min(using.length, refusalsBelieved);
  }

  /** @throws BrokerError as `TokenSource.widerToken` */
  async widerToken(
    id: ServerId,
    session: string | undefined,
    narrow: LentToken,
    challenges: readonly string[],
    signal: AbortSignal,
  ): Promise<LentToken> {
    const { holdings, stepUps } = this.parts;
    const key = await this.#keyFor(id, session);
    const credential = holdings.get(key)?.credential;
    const isNarrow =
      credential !== undefined && isAlive(credential) && credential.tokens.accessToken.equals(narrow.token);
    if (!isNarrow) return this.#lend(id, await this.#usable(key, id));
    const missing = missingScopes(challenges);
    // A grant without a user has nobody to ask.
    if (missing === undefined || credential.grant !== undefined) throw forbidden(credential.account);
    await stepUps.allowed(id, credential, missing, signal);
    return this.accessToken(id, session);
  }

  /**
   * Renews the token of `id` now, due or not.
   * @throws BrokerError as `accessToken`
   */
  async refreshNow(id: ServerId): Promise<void> {
    const { credential } = await this.parts.loader.heldOrThrow(id);
    if (!isAlive(credential)) throw refused(credential);
    await this.parts.refresher.refresh(keyText(keyOf(credential)), 'call');
  }

  /**
   * The key of the credential that serves `session`. What is held under it may be another one whenever something was
   * waited for, so it is looked up at the moment when it is used.
   */
  async #keyFor(id: ServerId, session: string | undefined): Promise<string> {
    const { credential } = await this.#held(id);
    await this.#requireOwner(id, session, credential.account);
    return keyText(keyOf(credential));
  }

  /** Where nobody has signed in, a grant that needs no user does not wait for one. */
  async #held(id: ServerId): Promise<Held> {
    const { loader, signInSilently } = this.parts;
    try {
      return await loader.heldOrThrow(id);
    } catch (error) {
      const hasHelped = hasCode(error, 'sign_in_required') && (await signInSilently(id)) !== undefined;
      if (!hasHelped) throw error;
      return loader.heldOrThrow(id);
    }
  }

  async #usable(key: string, id: ServerId): Promise<LiveCredential> {
    const { clock, holdings, refresher } = this.parts;
    const nowMs = clock.nowMs();
    const held = holdings.get(key);
    if (held === undefined) throw nobody(id);
    const { credential, activity } = held;
    if (!isAlive(credential) || activity.kind === 'ended') throw refused(credential);
    if (isUsable(credential.tokens, nowMs)) return credential;
    if (activity.kind === 'retrying' && nowMs < attemptAtMs(activity, nowMs)) {
      const { code, details = {}, nextAttemptAtMs } = activity;
      const cause = new BrokerError(code, 'The last attempt to renew the token failed.', { details });
      throw notNow(cause, nextAttemptAtMs);
    }
    return refresher.refresh(key, 'call');
  }

  async #requireOwner(id: ServerId, session: string | undefined, account: Account): Promise<void> {
    if (session === undefined) return;
    // One that nobody knows, or that is no longer remembered, belongs to whoever comes with it first.
    const owner = await this.parts.sessions.open(id, session, account);
    if (sameAccount(owner, account)) return;
    this.parts.audit.record({ kind: 'refusal', server: id, account, code: 'session_account_changed' });
    throw new BrokerError('session_account_changed', 'The session belongs to another account.', {
      details: { owner: owner.label, account: account.label },
    });
  }

  #lend(id: ServerId, { account, resource, scopes, generation, tokens }: LiveCredential): LentToken {
    const { accessToken: token, dpopKey, expiresAtMs, quotaProject } = tokens;
    if (this.#delivered.get(id)?.equals(token) !== true) {
      this.#delivered.set(id, token);
      this.parts.audit.record({ kind: 'delivery', server: id, account, resource, generation, token });
    }
    const reach = this.parts.reaches.of({ account, resource, scopes });
    const lent = {
      token,
      account,
      reach,
      scopes,
      ...(expiresAtMs !== undefined && { expiresAtMs }),
      ...(quotaProject !== undefined && { quotaProject }),
    };
    if (dpopKey === undefined) return lent;
    return { ...lent, prove: (...request) => resourceProof(dpopKey, token, ...request) };
  }
}

const rejected = ({ account }: LiveCredential, more: ErrorDetails = {}): BrokerError =>
  new BrokerError('token_rejected', 'The server refuses every token.', {
    details: { account: account.label, ...more },
  });

/**
 * Lends once more when it turns out on the way that the credential is removed: another window may have put another one
 * in its place, and the news of it may have got lost.
 */
async function unlessReplaced(lend: () => Promise<LentToken>): Promise<LentToken> {
  try {
    return await lend();
  } catch (error) {
    if (!hasCode(error, 'sign_in_required')) throw error;
    return lend();
  }
}
