import { sameAccount, type Account } from '../core/account.js';
import type { Disposable } from '../core/announcer.js';
import type { Quirk } from '../core/quirk.js';
import type { Server, ServerId } from '../core/server.js';
import type { CredentialState } from '../core/state.js';
import type { LentToken, TokenSource } from '../core/token-source.js';
import { brokerGraph, type BrokerGraph } from './broker-graph.js';
import type { BrokerParts } from './broker-parts.js';
import type { Importable, ImportResult } from './imports.js';
import type { Permissions } from './servers/permissions.js';
import type { SignInWay, SignInWho } from './sign-in/sign-in.js';
import type { SignOutExtent, SignOutResult } from './sign-in/sign-outs.js';
import { cancelled, nobody } from './state/failures.js';
import type { OwnClients } from './state/own-clients.js';
import type { StepUp } from './state/step-ups.js';
import type { SignInWanted } from './wants.js';

/**
 * The one place that decides: which credential a server uses, whether it is good, when it is renewed, and when only
 * the user can help. The proxy sees it as a `TokenSource`; the user interface renders its states.
 */
export class Broker implements TokenSource {
  /** The clients that the user has made at issuers which register none, and for whom each is used. */
  readonly ownClients: OwnClients;
  /** Where the user lets tokens go that name no audience. */
  readonly permissions: Permissions;
  readonly #graph: BrokerGraph;
  readonly #closing = new AbortController();

  constructor(parts: BrokerParts) {
    this.#graph = brokerGraph(parts, this.#closing.signal);
    this.ownClients = this.#graph.own;
    this.permissions = this.#graph.permissions;
  }

  /** @param listener - is called after any state has changed; it looks for itself */
  onDidChange(listener: () => void): Disposable {
    return this.#graph.changes.listen(listener);
  }

  /** @param listener - is told that a call, a start or a background renewal waits for the user */
  onSignInWanted(listener: (wanted: SignInWanted) => void): Disposable {
    return this.#graph.wants.listen(listener);
  }

  /**
   * Takes the servers that this window uses, instead of those before, and resolves when their stored credentials
   * are in memory.
   */
  async setServers(servers: readonly Server[]): Promise<void> {
    const before = new Map(this.servers().map((server) => [server.id, JSON.stringify(server)]));
    this.#graph.servers.replace(servers);
    const after = new Map(servers.map((server) => [server.id, JSON.stringify(server)]));
    // Gone, or the label means something else now: what the browser brings back would not be for it.
    this.#graph.signIns.cancelWhere((id) => before.get(id) !== after.get(id));
    await this.#graph.loader.loadAll();
  }

  servers(): readonly Server[] {
    return this.#graph.servers.all();
  }

  /** What is to be shown about `id` now. */
  state(id: ServerId): CredentialState {
    return this.#graph.readiness.state(id);
  }

  /** The account that `id` uses in this workspace, whether its sign-in is alive or not. */
  account(id: ServerId): Account | undefined {
    return this.#graph.servers.boundTo(id)?.account;
  }

  /** The accounts that fit `id`, when there are several and the user has not chosen one in this workspace. */
  candidates(id: ServerId): readonly Account[] {
    return this.#graph.servers.candidates(id).map(({ account }) => account);
  }

  /** The accounts that have signed in and that `id` could use as well, beside the one that it uses. */
  otherAccounts(id: ServerId): readonly Account[] {
    return this.#graph.servers.others(id).map(({ account }) => account);
  }

  /**
   * Uses `account`, one of the candidates or of the others, for `id` from now on in this workspace; calls that wait for
   * it go on. Where only the server knows what it needs, it is asked; if that is more than the account has granted, the
   * browser is opened for it.
   * @throws BrokerError `sign_in_required` when it is none of them any more; as `signIn`
   */
  async useAccount(id: ServerId, account: Account): Promise<void> {
    const fitting = [...this.#graph.servers.candidates(id), ...this.#graph.servers.others(id)];
    const chosen = fitting.find((candidate) => sameAccount(candidate.account, account));
    if (chosen === undefined) throw nobody(id);
    if (this.#graph.servers.mayBeTooNarrow(id, chosen)) {
      await this.#graph.signIns.signIn(id, chosen.account, 'browser', 'held');
      return;
    }
    this.#graph.servers.bind(id, chosen, 'chosen');
    await this.#graph.loader.loadAll();
  }

  /** The exceptions that are made for the authorization server of an account. */
  quirksOf({ issuer }: Account): readonly Quirk[] {
    return this.#graph.issuers.quirksOf(issuer);
  }

  /** Whether a client has begun to work with the server before in this workspace, with the account it has now. */
  wasReached(id: ServerId): boolean {
    return this.#graph.servers.boundTo(id)?.reachedAtMs !== undefined;
  }

  /**
   * Signs in for `id` in the browser; a sign-in for it that is under way is given up for this one.
   * @param who - `same`: only the account that the server is bound to may come back; `any`: whoever the user is, and one
   *   that is known is used where it has all that is needed; `another`: the user chooses in the browser
   * @throws BrokerError as `signIn` of sign-in.ts; `server_unknown`; `storage_locked`, `storage_unusable`: nothing
   *   that came back from the browser could be kept
   */
  signIn(id: ServerId, who: SignInWho, way: SignInWay = 'browser'): Promise<Account> {
    const same = who === 'same' ? this.account(id) : undefined;
    return this.#graph.signIns.signIn(id, same, way, who === 'another' ? who : undefined);
  }

  /**
   * Takes `text`, which the user has copied from the browser, as the redirect of the sign-in that is under way for `id`.
   * @returns whether it is one
   */
  pasteRedirect(id: ServerId, text: string): boolean {
    return this.#graph.signIns.paste(id, text);
  }

  /** Whether the sign-in for `id` waits for the browser to come back. */
  isInBrowser(id: ServerId): boolean {
    return this.#graph.signIns.isInBrowser(id);
  }

  /** Gives up the sign-in that is under way for `id`, if there is one. */
  cancelSignIn(id: ServerId): void {
    this.#graph.signIns.cancel(id);
  }

  /**
   * Signs `id` out, as `SignOuts.signOut`.
   * @throws BrokerError `server_unknown`
   */
  signOut(id: ServerId, extent: SignOutExtent = 'grant'): Promise<SignOutResult> {
    this.#graph.signIns.cancel(id);
    return this.#graph.signOuts.signOut(id, extent);
  }

  /** The servers of this window that use the credential of `id`, too; another one of the same account may be used by more. */
  usedWith(id: ServerId): readonly ServerId[] {
    return this.#graph.signOuts.usedWith(id);
  }

  /** Whether a server of another workspace uses the credential of `id`, too. */
  isUsedElsewhere(id: ServerId): Promise<boolean> {
    return this.#graph.signOuts.isUsedElsewhere(id);
  }

  /** Does `work`, which imports; servers that something of it fits use that when it is done. */
  importTogether<T>(work: () => Promise<T>): Promise<T> {
    return this.#graph.imports.together(work);
  }

  /**
   * Takes over what another program has kept, in the course of `importTogether`.
   * @throws BrokerError as `Imports.import`
   */
  import(found: Importable, issuer: string): Promise<ImportResult> {
    return this.#graph.imports.import(found, issuer);
  }

  /**
   * Renews the token of `id` now, due or not.
   * @throws BrokerError as `accessToken`
   */
  refreshNow(id: ServerId): Promise<void> {
    return this.#graph.lending.refreshNow(id);
  }

  accessToken(id: ServerId, session?: string): Promise<LentToken> {
    return this.#graph.lending.accessToken(id, session);
  }

  newerToken(id: ServerId, session: string | undefined, refusedToken: LentToken): Promise<LentToken> {
    return this.#graph.lending.newerToken(id, session, refusedToken);
  }

  widerToken(...asked: Parameters<TokenSource['widerToken']>): Promise<LentToken> {
    return this.#graph.lending.widerToken(...asked);
  }

  /** The permissions that a call to `id` waits for, although somebody is signed in. */
  stepUp(id: ServerId): StepUp | undefined {
    return this.#graph.stepUps.wanted(id);
  }

  /** Takes the user's no to those permissions. */
  declineStepUp(id: ServerId): void {
    this.#graph.stepUps.decline(id);
  }

  signedIn(id: ServerId, signal: AbortSignal, manner?: 'quietly'): Promise<void> {
    return this.#graph.readiness.signedIn(id, signal, manner);
  }

  /** Lets the user know that a start found nobody signed in, or the lock closed; asked about once for each cause. */
  wantSignIn(id: ServerId): void {
    this.#graph.readiness.wantSignIn(id);
  }

  sessionOpened(id: ServerId, session: string | undefined, { account }: LentToken): void {
    this.#graph.servers.reached(id, account, this.#graph.clock.nowMs());
    if (session !== undefined) void this.#graph.sessions.open(id, session, account);
  }

  async owns(id: ServerId, session: string, { account }: LentToken): Promise<boolean> {
    return sameAccount(await this.#graph.sessions.open(id, session, account), account);
  }

  sessionClosed(id: ServerId, session: string): void {
    void this.#graph.sessions.close(id, session);
  }

  /**
   * Ends timers, waits and sign-ins. Resolves when everything is saved; renewals that have left cannot be taken back.
   */
  async close(): Promise<void> {
    this.#closing.abort(cancelled());
    this.#graph.loader.dispose();
    await Promise.all([this.#graph.renewals.close(), this.#graph.bindings.end(), this.#graph.sessions.end()]);
    this.#graph.changes.dispose();
    this.#graph.wants.dispose();
    this.#graph.holdings.dispose();
  }
}
