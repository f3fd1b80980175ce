import { sameAccount, type Account } from '../core/account.js';
import { Announcer, type Disposable } from '../core/announcer.js';
import type { Audit } from '../core/audit.js';
import type { Counters } from '../core/counters.js';
import {
  isAlive,
  keyOf,
  keyText,
  type Credential,
  type CredentialKey,
  type LiveCredential,
} from '../core/credential.js';
import { BrokerError, describeError } from '../core/errors.js';
import type { Journal } from '../core/journal.js';
import type { Leases } from '../core/lease.js';
import type {
  Clock,
  Fetch,
  Log,
  Memento,
  OpenBrowser,
  Random,
  RedirectReceiver,
  SecretStore,
} from '../core/ports.js';
import type { Server, ServerId } from '../core/server.js';
import type { CredentialState } from '../core/state.js';
import type { LentToken, TokenSource } from '../core/token-source.js';
import { revokeGrant } from '../oauth/revocation.js';
import { Bindings } from '../vault/bindings.js';
import { CredentialVault } from '../vault/credentials.js';
import { keyOfEntry, type IndexEntry } from '../vault/index-entry.js';
import { Sessions } from '../vault/sessions.js';
import { BoundServers } from './bound-servers.js';
import { Brake } from './brake.js';
import { Holdings, stateOf, type Held } from './holdings.js';
import { Issuers } from './issuers.js';
import { newest, notNow, refused, Refresher } from './refresher.js';
import { attemptAtMs, isUsable } from './schedule.js';
import { Scheduler } from './scheduler.js';
import { signIn } from './sign-in.js';

/** What the user may decide about; read whenever it matters. */
export interface BrokerRules {
  /** How long before its end a token is renewed, in milliseconds; a fifth of its life when that is shorter. */
  readonly refreshLeadMs: () => number;
  /** How long, and how many at most, sessions are remembered. */
  readonly sessionsKeepMs: () => number;
  readonly sessionsKeepCount: () => number;
  /** After how long an account is forgotten whose grant was refused for good; 0 for never. */
  readonly removeDeadAfterMs: () => number;
}

export interface BrokerParts {
  readonly rules: BrokerRules;
  readonly counters: Counters;
  readonly audit: Audit;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly secrets: SecretStore;
  readonly memento: Memento;
  /** What the windows of this profile share, beside the editor's storage. */
  readonly journal: Journal;
  readonly leases: Leases;
  /** Names the workspace, the same from start to start. */
  readonly workspace: string;
  readonly openBrowser: OpenBrowser;
  readonly redirects: RedirectReceiver;
}

/** Something in this window needs the user to sign in for `server`. */
export interface SignInWanted {
  readonly server: ServerId;
  /** The same for every call that meets the same failure, so that the user is asked once. */
  readonly cause: string;
}

/** How far signing out came: `revoked` at the issuer too, or only `forgotten` here. */
export type SignOutResult = 'revoked' | 'forgotten' | 'was-signed-out';

/** A server that refuses token after token is not helped by more of them. */
const forcedRefreshesPerMinute = 5;

/**
 * The one place that decides: which credential a server uses, whether it is good, when it is renewed, and when only
 * the user can help. The proxy sees it as a `TokenSource`; the user interface renders its states.
 */
export class Broker implements TokenSource {
  readonly #signIns = new Map<ServerId, AbortController>();
  readonly #signOuts = new Map<ServerId, number>();
  readonly #loads = new Map<string, Promise<Held>>();
  readonly #changes: Announcer<undefined>;
  readonly #wants: Announcer<SignInWanted>;
  readonly #vault: CredentialVault;
  readonly #servers: BoundServers;
  readonly #sessions: Sessions;
  readonly #holdings: Holdings;
  readonly #issuers: Issuers;
  readonly #refresher: Refresher;
  readonly #scheduler: Scheduler;
  readonly #brake: Brake;
  readonly #watching: Disposable;
  readonly #closing = new AbortController();
  /** The keys that were alive when last looked at: what dies from here on is news. */
  readonly #wasAlive = new Set<string>();

  constructor(private readonly parts: BrokerParts) {
    const { fetch, clock, random, log, leases, memento, workspace } = parts;
    const onListenerError = (error: unknown) => log.error(`A listener failed: ${describeError(error)}`);
    const vault = new CredentialVault({ ...parts, closing: this.#closing.signal });
    const holdings = new Holdings(onListenerError);
    const issuers = new Issuers(fetch, clock, this.#closing.signal);
    this.#changes = new Announcer(onListenerError);
    this.#wants = new Announcer(onListenerError);
    this.#vault = vault;
    this.#servers = new BoundServers(new Bindings(memento, workspace, log), vault, log);
    this.#sessions = new Sessions(memento, log);
    this.#holdings = holdings;
    this.#issuers = issuers;
    this.#refresher = new Refresher({ fetch, clock, random, log, vault, leases, holdings, issuers });
    this.#scheduler = new Scheduler(clock, holdings, this.#refresher, log);
    this.#brake = new Brake(clock, forcedRefreshesPerMinute, 60_000);
    holdings.onDidChange((key) => this.#onHeldChanged(key));
    this.#watching = vault.watch((key) => void this.#onNews(key));
    this.#sessions.prune(clock.nowMs()).catch((error: unknown) => {
      log.warn(`Old sessions were not forgotten: ${describeError(error)}`);
    });
  }

  /** @param listener - is called after any state has changed; it looks for itself */
  onDidChange(listener: () => void): Disposable {
    return this.#changes.listen(listener);
  }

  /** @param listener - is told that a call, a start or a background renewal waits for the user */
  onSignInWanted(listener: (wanted: SignInWanted) => void): Disposable {
    return this.#wants.listen(listener);
  }

  /**
   * Takes the servers that this window uses, instead of those before, and resolves when their stored credentials
   * are in memory.
   */
  async setServers(servers: readonly Server[]): Promise<void> {
    const before = new Map(this.servers().map((server) => [server.id, JSON.stringify(server)]));
    this.#servers.replace(servers);
    const after = new Map(servers.map((server) => [server.id, JSON.stringify(server)]));
    for (const [id, running] of this.#signIns) {
      // Gone, or the label means something else now: what the browser brings back would not be for it.
      if (before.get(id) !== after.get(id)) running.abort(cancelled());
    }
    await this.#loadAll();
  }

  servers(): readonly Server[] {
    return this.#servers.all();
  }

  /** What is to be shown about `id` now. */
  state(id: ServerId): CredentialState {
    const bound = this.#servers.boundTo(id);
    if (this.#signIns.has(id)) return { kind: 'signing-in', ...(bound && { account: bound.account }) };
    const held = bound && this.#holdings.get(keyText(keyOfEntry(bound)));
    return held === undefined ? { kind: 'signed-out' } : stateOf(held, this.parts.clock.nowMs());
  }

  /** The account that `id` uses in this workspace, whether its sign-in is alive or not. */
  account(id: ServerId): Account | undefined {
    return this.#servers.boundTo(id)?.account;
  }

  /** Whether a session with the server has been open before in this workspace, with the account it has now. */
  wasReached(id: ServerId): boolean {
    return this.#servers.boundTo(id)?.reachedAtMs !== undefined;
  }

  /**
   * Signs in for `id` in the browser; a sign-in for it that is under way is given up for this one.
   * @param who - `same`: only the account that the server is bound to may come back; `any`: the user may choose
   * @throws BrokerError as `signIn` of sign-in.ts; `server_unknown`
   */
  async signIn(id: ServerId, who: 'same' | 'any'): Promise<Account> {
    const server = this.#servers.get(id);
    this.cancelSignIn(id);
    const running = new AbortController();
    this.#signIns.set(id, running);
    this.#changes.announce(undefined);
    const same = who === 'same' ? this.account(id) : undefined;
    try {
      return await signIn(
        { ...this.parts, vault: this.#vault, issuers: this.#issuers },
        {
          server,
          ...(same !== undefined && { account: same }),
          keep: (credential) => this.#keep(id, credential, running),
          signal: AbortSignal.any([running.signal, this.#closing.signal]),
        },
      );
    } finally {
      if (this.#signIns.get(id) === running) this.#signIns.delete(id);
      this.#changes.announce(undefined);
    }
  }

  /** Gives up the sign-in that is under way for `id`, if there is one. */
  cancelSignIn(id: ServerId): void {
    this.#signIns.get(id)?.abort(cancelled());
  }

  /**
   * Forgets the credential that `id` uses, here at once and then at the issuer. Other servers of this workspace that
   * use the same one are signed out with it.
   * @throws BrokerError `server_unknown`
   */
  async signOut(id: ServerId): Promise<SignOutResult> {
    this.cancelSignIn(id);
    const held = await this.#held(this.#servers.get(id).id);
    if (held === undefined) return 'was-signed-out';
    const { credential } = held;
    const key = keyOf(credential);
    const sharing = this.#servers.using({ ...key, account: credential.account });
    // Unbound first: a call that comes meanwhile must not find the credential and bring it back.
    for (const { id: shared } of sharing) {
      this.#signOuts.set(shared, (this.#signOuts.get(shared) ?? 0) + 1);
      this.#servers.signOut(shared);
    }
    this.#holdings.remove(keyText(key));
    this.#changes.announce(undefined);
    // A window that is renewing it right now finishes first, so that what is removed and revoked is the newest.
    const removed = await this.parts.leases.hold(keyText(key), async () => {
      const stored = await this.#vault.get(key).catch(() => undefined);
      const last = newest(credential, stored);
      await this.#vault.remove(last);
      return last;
    });
    return isAlive(removed) && (await this.#revoke(removed)) ? 'revoked' : 'forgotten';
  }

  /**
   * Renews the token of `id` now, due or not.
   * @throws BrokerError as `accessToken`
   */
  async refreshNow(id: ServerId): Promise<void> {
    const { credential } = await this.#heldOrThrow(id);
    if (!isAlive(credential)) throw refused(credential);
    await this.#refresher.refresh(keyText(keyOf(credential)));
  }

  async accessToken(id: ServerId, session?: string): Promise<LentToken> {
    return lend(await this.#usable(await this.#keyFor(id, session), id));
  }

  async newerToken(id: ServerId, session: string | undefined, refusedToken: LentToken): Promise<LentToken> {
    const key = await this.#keyFor(id, session);
    const credential = this.#holdings.get(key)?.credential;
    const isRefused =
      credential !== undefined &&
      isAlive(credential) &&
      credential.tokens.accessToken.equals(refusedToken.token);
    if (!isRefused) return lend(await this.#usable(key, id));
    if (credential.tokens.refreshToken === undefined) {
      // The record stays: one server's word is not the issuer's.
      this.#holdings.setActivity(key, { kind: 'ended' });
      throw refused(credential);
    }
    if (!this.#refresher.isRenewing(key) && !this.#brake.admits(key)) {
      throw new BrokerError('token_rejected', 'The server refuses every token.', {
        details: { account: credential.account.label },
      });
    }
    return lend(await this.#refresher.refresh(key));
  }

  signedIn(id: ServerId, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const isIn = () => !['signed-out', 'signing-in', 'needs-sign-in'].includes(this.state(id).kind);
      const done = () => {
        listening.dispose();
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        done();
        reject(signal.reason as Error);
      };
      const look = () => {
        if (!isIn()) return;
        done();
        resolve();
      };
      const listening = this.onDidChange(look);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else if (isIn()) look();
      else this.wantSignIn(id);
    });
  }

  /** Lets the user know that something waits for a sign-in; asked about once for each cause. */
  wantSignIn(id: ServerId): void {
    const bound = this.#servers.boundTo(id);
    const key = bound && keyText(keyOfEntry(bound));
    const held = key === undefined ? undefined : this.#holdings.get(key);
    const cause =
      key === undefined || held === undefined
        ? `signed-out ${this.#signOuts.get(id) ?? 0}`
        : `${key} ${held.credential.generation}`;
    this.#wants.announce({ server: id, cause });
  }

  sessionOpened(id: ServerId, session: string, { account }: LentToken): void {
    const nowMs = this.parts.clock.nowMs();
    this.#servers.reached(id, account, nowMs);
    this.#sessions.open(id, session, account, nowMs).catch((error: unknown) => {
      this.parts.log.warn(`A session was not saved: ${describeError(error)}`);
    });
  }

  sessionClosed(id: ServerId, session: string): void {
    this.#sessions.close(id, session).catch((error: unknown) => {
      this.parts.log.warn(`A session was not forgotten: ${describeError(error)}`);
    });
  }

  /** Ends timers, waits and sign-ins. Resolves when renewals that have left are saved: they cannot be taken back. */
  async close(): Promise<void> {
    this.#closing.abort(cancelled());
    this.#watching.dispose();
    this.#scheduler.dispose();
    await this.#refresher.settled();
    this.#changes.dispose();
    this.#wants.dispose();
    this.#holdings.dispose();
  }

  async #held(id: ServerId): Promise<Held | undefined> {
    await this.#vault.open();
    const bound = this.#servers.boundTo(id);
    return bound && this.#load(bound);
  }

  async #heldOrThrow(id: ServerId): Promise<Held> {
    const held = await this.#held(this.#servers.get(id).id);
    if (held !== undefined) return held;
    throw nobody(id);
  }

  /**
   * The key of the credential that serves `session`. What is held under it may be another one whenever something was
   * waited for, so it is looked up at the moment when it is used.
   */
  async #keyFor(id: ServerId, session: string | undefined): Promise<string> {
    const { credential } = await this.#heldOrThrow(id);
    await this.#requireOwner(id, session, credential.account);
    return keyText(keyOf(credential));
  }

  async #load(entry: IndexEntry): Promise<Held> {
    const key = keyText(keyOfEntry(entry));
    const held = this.#holdings.get(key);
    if (held !== undefined) return held;
    const load = this.#loads.get(key) ?? this.#read(entry).finally(() => this.#loads.delete(key));
    this.#loads.set(key, load);
    return load;
  }

  async #read(entry: IndexEntry): Promise<Held> {
    const stored = await this.#vault.get(keyOfEntry(entry));
    const credential = stored ?? dropped(entry, this.parts.clock.nowMs());
    this.#holdings.take(credential);
    return this.#holdings.get(keyText(keyOf(credential))) ?? { credential, activity: { kind: 'idle' } };
  }

  async #usable(key: string, id: ServerId): Promise<LiveCredential> {
    const nowMs = this.parts.clock.nowMs();
    const held = this.#holdings.get(key);
    if (held === undefined) throw nobody(id);
    const { credential, activity } = held;
    if (!isAlive(credential) || activity.kind === 'ended') throw refused(credential);
    if (isUsable(credential.tokens, nowMs)) return credential;
    if (activity.kind === 'retrying' && nowMs < attemptAtMs(activity, nowMs)) {
      const cause = new BrokerError(activity.code, 'The last attempt to renew the token failed.');
      throw notNow(cause, activity.nextAttemptAtMs);
    }
    return this.#refresher.refresh(key);
  }

  async #requireOwner(id: ServerId, session: string | undefined, account: Account): Promise<void> {
    if (session === undefined) return;
    const owner = await this.#sessions.accountOf(id, session);
    if (owner === undefined || sameAccount(owner, account)) return;
    throw new BrokerError('session_account_changed', 'The session belongs to another account.', {
      details: { owner: owner.label, account: account.label },
    });
  }

  /** Under the lease: a renewal of what this replaces finishes first, and its generation is counted. */
  async #keep(id: ServerId, fresh: Credential, running: AbortController): Promise<void> {
    const key = keyOf(fresh);
    const credential = await this.parts.leases.hold(keyText(key), async () => {
      const held = this.#holdings.get(keyText(key))?.credential.generation ?? 0;
      const next = { ...fresh, generation: Math.max(held, await this.#vault.lastGeneration(key)) + 1 };
      await this.#vault.put(next);
      return next;
    });
    this.#servers.bind(id, { account: fresh.account, clientId: key.clientId, resource: key.resource });
    if (this.#signIns.get(id) === running) this.#signIns.delete(id); // The state is that of the credential from now on.
    this.#holdings.take(credential);
    this.parts.log.info(`Signed in ${JSON.stringify(fresh.account.label)} for ${JSON.stringify(id)}.`);
  }

  async #loadAll(): Promise<void> {
    await this.#vault.open().catch((error: unknown) => {
      this.parts.log.warn(`The journal cannot be opened: ${describeError(error)}`);
    });
    this.#servers.decideAnew();
    await Promise.all(this.#servers.all().map((server) => this.#loadFor(server)));
    this.#changes.announce(undefined);
  }

  /** What cannot be read for one server takes no other along; its calls say what is wrong. */
  async #loadFor({ id }: Server): Promise<void> {
    try {
      await this.#held(id);
    } catch (error) {
      this.parts.log.error(
        `A credential could not be read, the next call tries again: ${describeError(error)}`,
      );
    }
  }

  /** The journal has changed: a sign-in, a renewal or a sign-out, in another window unless it is known here. */
  async #onNews(key: CredentialKey): Promise<void> {
    try {
      const held = this.#holdings.get(keyText(key));
      if (held !== undefined && (await this.#vault.isRemoved(key))) this.#holdings.remove(keyText(key));
      const newest = held === undefined ? undefined : await this.#vault.get(key);
      const isNews = held === undefined || newest?.generation !== held.credential.generation;
      if (!isNews || this.#closing.signal.aborted) return;
      const kind = this.#refresher.isRenewing(keyText(key)) ? 'refreshing' : 'idle';
      if (newest !== undefined) this.#holdings.take(newest, { kind });
      await this.#loadAll();
    } catch (error) {
      this.parts.log.warn(`News of another window cannot be read: ${describeError(error)}`);
    }
  }

  async #revoke(credential: LiveCredential): Promise<boolean> {
    try {
      const issuer = await this.#issuers.metadata(credential.account.issuer);
      return await revokeGrant(this.parts.fetch, issuer, credential);
    } catch (error) {
      this.parts.log.warn(`The grant could not be revoked: ${describeError(error)}`);
      return false;
    }
  }

  #onHeldChanged(key: string): void {
    const held = this.#holdings.get(key);
    const isDead = held !== undefined && stateOf(held, this.parts.clock.nowMs()).kind === 'needs-sign-in';
    const hasDied = isDead && this.#wasAlive.has(key);
    if (held === undefined || isDead) this.#wasAlive.delete(key);
    else this.#wasAlive.add(key);
    this.#changes.announce(undefined);
    if (!hasDied) return;
    const { account } = held.credential;
    for (const { id } of this.#servers.using({ ...keyOf(held.credential), account })) this.wantSignIn(id);
  }
}

const lend = ({ account, resource, tokens }: LiveCredential): LentToken => ({
  token: tokens.accessToken,
  account,
  resource,
});

const nobody = (id: ServerId): BrokerError =>
  new BrokerError('sign_in_required', 'Nobody has signed in.', { details: { server: id } });

const cancelled = (): BrokerError => new BrokerError('sign_in_cancelled', 'The sign-in was given up.');

/** Stands for a credential that the index names and SecretStorage no longer has: the account is not forgotten. */
function dropped({ account, clientId, resource }: IndexEntry, nowMs: number): Credential {
  return {
    account,
    client: { issuer: account.issuer, clientId, authMethod: 'none', source: 'configured' },
    resource,
    generation: 1,
    scopes: [],
    tokens: { kind: 'refused', reason: 'secret-missing', refusedAtMs: nowMs },
  };
}
