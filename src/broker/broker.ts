import { sameAccount, type Account } from '../core/account.js';
import { Announcer, type Disposable } from '../core/announcer.js';
import { describeError } from '../core/errors.js';
import type { Quirk } from '../core/quirk.js';
import type { Server, ServerId } from '../core/server.js';
import type { CredentialState } from '../core/state.js';
import type { LentToken, TokenSource } from '../core/token-source.js';
import { AllowedOrigins } from '../vault/records/allowed-origins.js';
import { Bindings } from '../vault/ledgers/bindings.js';
import { CredentialVault } from '../vault/credentials.js';
import { Sessions } from '../vault/ledgers/sessions.js';
import { BoundServers } from './servers/bound-servers.js';
import type { BrokerParts } from './broker-parts.js';
import { Clients } from './sign-in/clients.js';
import { Departures } from './state/departures.js';
import { cancelled, nobody } from './state/failures.js';
import { Grants } from './state/grants.js';
import { Holdings } from './state/holdings.js';
import { Issuers } from './state/issuers.js';
import { KeptLeases } from './state/kept-leases.js';
import { Lending } from './lending.js';
import { Loader, type LoaderParts } from './servers/loader.js';
import { Imports, type Importable, type ImportResult } from './imports.js';
import { OwnClients } from './state/own-clients.js';
import { Permissions } from './servers/permissions.js';
import { Reaches } from './state/reaches.js';
import { Readiness } from './readiness.js';
import { Renewals } from './refresh/renewals.js';
import type { SignInWay, SignInWho } from './sign-in/sign-in.js';
import { SignIns } from './sign-in/sign-ins.js';
import { SignOuts, type SignOutExtent, type SignOutResult } from './sign-in/sign-outs.js';
import { StepUps, type StepUp } from './state/step-ups.js';
import { Wants, type SignInWanted } from './wants.js';

/**
 * The one place that decides: which credential a server uses, whether it is good, when it is renewed, and when only
 * the user can help. The proxy sees it as a `TokenSource`; the user interface renders its states.
 */
export class Broker implements TokenSource {
  /** The clients that the user has made at issuers which register none, and for whom each is used. */
  readonly ownClients: OwnClients;
  /** Where the user lets tokens go that name no audience. */
  readonly permissions: Permissions;
  readonly #changes: Announcer<undefined>;
  readonly #servers: BoundServers;
  readonly #bindings: Bindings;
  readonly #sessions: Sessions;
  readonly #holdings: Holdings;
  readonly #renewals: Renewals;
  readonly #loader: Loader;
  readonly #lending: Lending;
  readonly #signIns: SignIns;
  readonly #signOuts: SignOuts;
  readonly #wants: Wants;
  readonly #readiness: Readiness;
  readonly #imports: Imports;
  readonly #issuers: Issuers;
  readonly #stepUps: StepUps;
  readonly #closing = new AbortController();

  constructor(private readonly parts: BrokerParts) {
    const { rules, counters, fetch, clock, log, ledgers, workspace } = parts;
    const closing = this.#closing.signal;
    const onListenerError = (error: unknown) => log.error(`A listener failed: ${describeError(error)}`);
    const changes = new Announcer<undefined>(onListenerError);
    const changed = () => changes.announce(undefined);
    const leases = new KeptLeases(parts.leases);
    const vault = new CredentialVault({ ...parts, leases, closing });
    const holdings = new Holdings(onListenerError);
    const allowedOrigins = new AllowedOrigins(parts.memento, log);
    const bindings = new Bindings({ ...parts, ledger: ledgers.bindings }, workspace);
    const isTyped = (...asked: readonly [string, string]) => servers.isTypedIssuer(...asked);
    const issuers = new Issuers(fetch, clock, closing, rules.issuerQuirks, isTyped, parts.drivers);
    const reaches = new Reaches(issuers, allowedOrigins);
    const servers: BoundServers = new BoundServers(bindings, vault, parts.audit, reaches, issuers);
    const grants = new Grants({ ...parts, issuers, vault });
    const sessions = new Sessions({ ...parts, ledger: ledgers.sessions }, rules);
    const held = { leases, vault, servers, holdings, departures: new Departures(), issuers };
    const renewals = new Renewals({ ...parts, ...held, bindings, grants, closing });
    const { refresher } = renewals;
    const restored: LoaderParts['restored'] = (...read) => renewals.restored(...read);
    const used = () => {
      renewals.look();
      changed();
    };
    const loader = new Loader({ ...parts, vault, servers, holdings, restored, loaded: used });
    const own = new OwnClients({ ...parts, vault, changed });
    const clients = new Clients({ ...parts, vault, own, issuers, reaches });
    const signOuts = new SignOuts({ ...parts, ...held, clients, loader, allowedOrigins, changed });
    this.ownClients = own;
    const withdrawn = () => loader.loadAll();
    this.permissions = new Permissions({ allowedOrigins, vault, withdrawn });
    this.#changes = changes;
    this.#servers = servers;
    this.#bindings = bindings;
    this.#sessions = sessions;
    this.#holdings = holdings;
    this.#renewals = renewals;
    this.#loader = loader;
    const stepUps = new StepUps({
      hasServer: (id) => servers.has(id),
      want: (id) => this.#wants.want(id, true),
      onDidChange: (listener) => this.onDidChange(listener),
      changed,
    });
    this.#stepUps = stepUps;
    this.#lending = new Lending({
      ...parts,
      ...{ loader, servers, sessions, holdings, refresher, reaches, stepUps },
      signInSilently: (id) => this.#signIns.signInSilently(id),
    });
    const asking = { ...parts, leases, vault, issuers, clients, grants, reaches, allowedOrigins };
    this.#signIns = new SignIns({ ...asking, servers, holdings, stepUps, closing, changed: used });
    this.#imports = new Imports({ ...asking, servers, holdings, loader, own, closing });
    this.#signOuts = signOuts;
    this.#issuers = issuers;
    this.#wants = new Wants({ clock, servers, holdings, signOuts, stepUps, onListenerError });
    this.#readiness = new Readiness({
      ...{ clock, lock: parts.lock, servers, loader, holdings, issuers, clients },
      signIns: this.#signIns,
      wants: this.#wants,
      onDidChange: (listener) => this.onDidChange(listener),
    });
    holdings.onDidChange((key) => {
      counters.set('credentials.held', holdings.size);
      changed();
      this.#wants.look(key);
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
    // Gone, or the label means something else now: what the browser brings back would not be for it.
    this.#signIns.cancelWhere((id) => before.get(id) !== after.get(id));
    await this.#loader.loadAll();
  }

  servers(): readonly Server[] {
    return this.#servers.all();
  }

  /** What is to be shown about `id` now. */
  state(id: ServerId): CredentialState {
    return this.#readiness.state(id);
  }

  /** The account that `id` uses in this workspace, whether its sign-in is alive or not. */
  account(id: ServerId): Account | undefined {
    return this.#servers.boundTo(id)?.account;
  }

  /** The accounts that fit `id`, when there are several and the user has not chosen one in this workspace. */
  candidates(id: ServerId): readonly Account[] {
    return this.#servers.candidates(id).map(({ account }) => account);
  }

  /** The accounts that have signed in and that `id` could use as well, beside the one that it uses. */
  otherAccounts(id: ServerId): readonly Account[] {
    return this.#servers.others(id).map(({ account }) => account);
  }

  /**
   * Uses `account`, one of the candidates or of the others, for `id` from now on in this workspace; calls that wait for
   * it go on. Where only the server knows what it needs, it is asked; if that is more than the account has granted, the
   * browser is opened for it.
   * @throws BrokerError `sign_in_required` when it is none of them any more; as `signIn`
   */
  async useAccount(id: ServerId, account: Account): Promise<void> {
    const fitting = [...this.#servers.candidates(id), ...this.#servers.others(id)];
    const chosen = fitting.find((candidate) => sameAccount(candidate.account, account));
    if (chosen === undefined) throw nobody(id);
    if (this.#servers.mayBeTooNarrow(id, chosen)) {
      await this.#signIns.signIn(id, chosen.account, 'browser', 'held');
      return;
    }
    this.#servers.bind(id, chosen, 'chosen');
    await this.#loader.loadAll();
  }

  /** The exceptions that are made for the authorization server of an account. */
  quirksOf({ issuer }: Account): readonly Quirk[] {
    return this.#issuers.quirksOf(issuer);
  }

  /** Whether a client has begun to work with the server before in this workspace, with the account it has now. */
  wasReached(id: ServerId): boolean {
    return this.#servers.boundTo(id)?.reachedAtMs !== undefined;
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
    return this.#signIns.signIn(id, same, way, who === 'another' ? who : undefined);
  }

  /**
   * Takes `text`, which the user has copied from the browser, as the redirect of the sign-in that is under way for `id`.
   * @returns whether it is one
   */
  pasteRedirect(id: ServerId, text: string): boolean {
    return this.#signIns.paste(id, text);
  }

  /** Whether the sign-in for `id` waits for the browser to come back. */
  isInBrowser(id: ServerId): boolean {
    return this.#signIns.isInBrowser(id);
  }

  /** Gives up the sign-in that is under way for `id`, if there is one. */
  cancelSignIn(id: ServerId): void {
    this.#signIns.cancel(id);
  }

  /**
   * Signs `id` out, as `SignOuts.signOut`.
   * @throws BrokerError `server_unknown`
   */
  signOut(id: ServerId, extent: SignOutExtent = 'grant'): Promise<SignOutResult> {
    this.#signIns.cancel(id);
    return this.#signOuts.signOut(id, extent);
  }

  /** The servers of this window that use the credential of `id`, too; another one of the same account may be used by more. */
  usedWith(id: ServerId): readonly ServerId[] {
    return this.#signOuts.usedWith(id);
  }

  /** Whether a server of another workspace uses the credential of `id`, too. */
  isUsedElsewhere(id: ServerId): Promise<boolean> {
    return this.#signOuts.isUsedElsewhere(id);
  }

  /** Does `work`, which imports; servers that something of it fits use that when it is done. */
  importTogether<T>(work: () => Promise<T>): Promise<T> {
    return this.#imports.together(work);
  }

  /**
   * Takes over what another program has kept, in the course of `importTogether`.
   * @throws BrokerError as `Imports.import`
   */
  import(found: Importable, issuer: string): Promise<ImportResult> {
    return this.#imports.import(found, issuer);
  }

  /**
   * Renews the token of `id` now, due or not.
   * @throws BrokerError as `accessToken`
   */
  refreshNow(id: ServerId): Promise<void> {
    return this.#lending.refreshNow(id);
  }

  accessToken(id: ServerId, session?: string): Promise<LentToken> {
    return this.#lending.accessToken(id, session);
  }

  newerToken(id: ServerId, session: string | undefined, refusedToken: LentToken): Promise<LentToken> {
    return this.#lending.newerToken(id, session, refusedToken);
  }

  widerToken(...asked: Parameters<TokenSource['widerToken']>): Promise<LentToken> {
    return this.#lending.widerToken(...asked);
  }

  /** The permissions that a call to `id` waits for, although somebody is signed in. */
  stepUp(id: ServerId): StepUp | undefined {
    return this.#stepUps.wanted(id);
  }

  /** Takes the user's no to those permissions. */
  declineStepUp(id: ServerId): void {
    this.#stepUps.decline(id);
  }

  signedIn(id: ServerId, signal: AbortSignal, manner?: 'quietly'): Promise<void> {
    return this.#readiness.signedIn(id, signal, manner);
  }

  /** Lets the user know that a start found nobody signed in, or the lock closed; asked about once for each cause. */
  wantSignIn(id: ServerId): void {
    this.#readiness.wantSignIn(id);
  }

  sessionOpened(id: ServerId, session: string | undefined, { account }: LentToken): void {
    this.#servers.reached(id, account, this.parts.clock.nowMs());
    if (session !== undefined) void this.#sessions.open(id, session, account);
  }

  async owns(id: ServerId, session: string, { account }: LentToken): Promise<boolean> {
    return sameAccount(await this.#sessions.open(id, session, account), account);
  }

  sessionClosed(id: ServerId, session: string): void {
    void this.#sessions.close(id, session);
  }

  /**
   * Ends timers, waits and sign-ins. Resolves when everything is saved; renewals that have left cannot be taken back.
   */
  async close(): Promise<void> {
    this.#closing.abort(cancelled());
    this.#loader.dispose();
    await Promise.all([this.#renewals.close(), this.#bindings.end(), this.#sessions.end()]);
    this.#changes.dispose();
    this.#wants.dispose();
    this.#holdings.dispose();
  }
}
