import { sameAccount, type Account } from '../../core/account.js';
import { covers, isSameIssuer, isSameResource } from '../../core/address.js';
import type { Audit } from '../../core/audit.js';
import { keyText, type CredentialKey } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import type { Server, ServerId } from '../../core/server.js';
import type { Binding, Bindings, Bound } from '../../vault/ledgers/bindings.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry, type IndexEntry } from '../../vault/records/index-entry.js';
import { Fitting, oneOfEachAccount } from './fitting.js';
import type { Issuers } from '../state/issuers.js';
import type { Reaches } from '../state/reaches.js';

/**
 * How a binding came about: the user signed in or chose; or nobody said so, since a grant needs no user, or there was
 * only one account that fitted.
 */
type Reason = 'signed-in' | 'chosen' | 'granted' | 'only';

type Decision =
  | { readonly kind: 'bound'; readonly bound: Bound }
  /** Nobody, or one of several whom the user has to choose. */
  | { readonly kind: 'open'; readonly candidates: readonly IndexEntry[] };

const nobody: Decision = { kind: 'open', candidates: [] };

const signedOut: Binding = { kind: 'signed-out' };

/**
 * The servers of this window, and which credential each of them uses. A binding is decided once and then looked up,
 * since every call asks for it.
 */
export class BoundServers {
  readonly #servers = new Map<ServerId, Server>();
  readonly #decided = new Map<ServerId, Decision>();
  readonly #reserved = new Set<ServerId>();
  readonly #fitting: Fitting;
  #awaited = 0;

  constructor(
    private readonly bindings: Bindings,
    private readonly vault: CredentialVault,
    private readonly audit: Audit,
    private readonly reaches: Reaches,
    issuers: Pick<Issuers, 'missingScopes'>,
  ) {
    this.#fitting = new Fitting(vault, reaches, issuers);
  }

  /** Settles when what was decided in earlier windows is known; until then no server has a credential. */
  get loaded(): Promise<void> {
    return this.bindings.loaded;
  }

  replace(servers: readonly Server[]): void {
    this.#servers.clear();
    this.#decided.clear();
    for (const server of servers) this.#servers.set(server.id, server);
  }

  all(): readonly Server[] {
    return [...this.#servers.values()];
  }

  /** Whether any of them is bound in this workspace, whether its credential is there or not. */
  get areBound(): boolean {
    return this.all().some(({ id }) => this.lastBoundTo(id) !== undefined);
  }

  /** Notes that they are there to be used: for as long as a window is open with them, their bindings are not unused. */
  noteUse(): void {
    for (const id of this.#servers.keys()) this.bindings.use(id);
  }

  /**
   * Whether the user has typed `issuer` for one of them that is within `resource`; what a workspace says, they have seen
   * and allowed. A word about one server says nothing about another that names the same issuer.
   */
  isTypedIssuer(issuer: string, resource: string): boolean {
    return this.all()
      .filter(({ isProposed, url }) => isProposed !== true && covers(resource, url))
      .flatMap(({ auth: { issuer: own, grant } }) => [
        own,
        grant && 'idpIssuer' in grant ? grant.idpIssuer : undefined,
      ])
      .some((typed) => typed !== undefined && isSameIssuer(typed, issuer));
  }

  has(id: ServerId): boolean {
    return this.#servers.has(id);
  }

  /** @throws BrokerError `server_unknown` */
  get(id: ServerId): Server {
    const server = this.#servers.get(id);
    if (server !== undefined) return server;
    throw new BrokerError('server_unknown', `There is no server ${JSON.stringify(id)}.`, {
      details: { server: id },
    });
  }

  /**
   * The credential that `id` is bound to. When exactly one account fits a server that nobody has signed in or out of
   * in this workspace, it is bound without asking.
   */
  boundTo(id: ServerId): Bound | undefined {
    const decision = this.#decision(id);
    return decision.kind === 'bound' ? decision.bound : undefined;
  }

  /** The credential that `id` was bound to last in this workspace, whether it is there or not. */
  lastBoundTo(id: ServerId): Bound | undefined {
    const stored = this.bindings.get(id);
    return stored?.kind === 'bound' ? stored : undefined;
  }

  /** A credential of each account that `id` could use, when there are several and the user has not chosen yet. */
  candidates(id: ServerId): readonly IndexEntry[] {
    const decision = this.#decision(id);
    return decision.kind === 'open' ? decision.candidates : [];
  }

  /**
   * A credential of each account that `id` could use as well, beside the one that it uses. Of those that serve all
   * servers it may have to be found out whether they allow enough: `mayBeTooNarrow`.
   */
  others(id: ServerId): readonly IndexEntry[] {
    const server = this.#servers.get(id);
    if (server === undefined || !this.bindings.isLoaded) return [];
    const now = this.boundTo(id)?.account;
    const eligible = this.#fitting
      .all(server)
      .filter((entry) => this.#fitting.grants(entry, server) || this.#fitting.mayBeTooNarrow(entry, server));
    return oneOfEachAccount(eligible).filter(
      ({ account }) => now === undefined || !sameAccount(account, now),
    );
  }

  /** Whether nobody knows what `id` needs, so that only a sign-in finds out whether `entry` covers it. */
  mayBeTooNarrow(id: ServerId, entry: IndexEntry): boolean {
    return this.#fitting.mayBeTooNarrow(entry, this.get(id));
  }

  /** Forgets what was decided from what was stored then; a binding that still fits is found again. */
  decideAnew(): void {
    this.#decided.clear();
  }

  /** Those that use the credential of `entry`. */
  using(entry: IndexEntry): readonly Server[] {
    return this.all().filter(({ id }) => isSameCredential(this.boundTo(id), entry));
  }

  /**
   * Whether a server of another workspace uses the credential of `entry`, as far as any window has written it down. Where
   * that cannot be read one may, and nobody deletes for others what they did not ask for.
   */
  async areOthersUsing(entry: IndexEntry): Promise<boolean> {
    const elsewhere = await this.bindings.elsewhere().catch(() => undefined);
    if (elsewhere === undefined) return true;
    return elsewhere.some(
      (binding) =>
        binding.kind === 'bound' &&
        (isSameCredential(binding, entry) || this.#willUse(binding, entry, this.vault.list())),
    );
  }

  /** Whether `entry` has taken the place of what `bound` names, which its own window has not found out yet. */
  #willUse(bound: Bound, entry: IndexEntry, listed: readonly IndexEntry[]): boolean {
    const isReplaceable = isSameResource(bound.resource, entry.resource) && !this.reaches.isForAll(entry);
    if (!isReplaceable || !sameAccount(bound.account, entry.account)) return false;
    return !listed.some((one) => isSameCredential(one, bound));
  }

  /** Whether a credential under `key` could serve one of them. */
  mayUse({ issuer, subject, resource }: CredentialKey): boolean {
    const issued = { account: { issuer, subject, label: '' }, resource, scopes: [] };
    return this.all().some(({ url }) => this.reaches.isWithin(issued, url));
  }

  /** Binds `id` to nobody by itself while `work` goes on, which will bind it. */
  async reserveFor<T>(id: ServerId, work: () => Promise<T>): Promise<T> {
    this.#reserved.add(id);
    try {
      return await work();
    } finally {
      this.#reserved.delete(id);
      if (this.#decided.get(id)?.kind === 'open') this.#decided.delete(id);
    }
  }

  /** Binds nobody by itself while `work` goes on, which may bring several accounts that fit one server. */
  async awaiting<T>(work: () => Promise<T>): Promise<T> {
    this.#awaited += 1;
    try {
      return await work();
    } finally {
      this.#awaited -= 1;
      this.decideAnew();
    }
  }

  /**
   * Binds `id`; servers that had nobody may now have exactly one who fits, so they are decided anew.
   * @param missing - the scopes that `id` needs and that were not granted
   */
  bind(id: ServerId, entry: IndexEntry, reason: Reason, missing: readonly string[] = []): void {
    for (const [other, decision] of this.#decided) {
      // One that uses the same credential may not get it any more, now that it allows more.
      const isShared = decision.kind === 'bound' && isSameCredential(decision.bound, entry);
      if (decision.kind === 'open' || isShared) this.#decided.delete(other);
    }
    const before = this.bindings.get(id);
    const isKnown = before?.kind === 'bound' && isSameCredential(before, entry);
    const { account, clientId, resource } = entry;
    // Another label, perhaps; the server has been reached as the same account.
    const reachedAtMs = isKnown ? before.reachedAtMs : undefined;
    const bound: Bound = {
      ...{ kind: 'bound', account, clientId, resource },
      ...(reachedAtMs !== undefined && { reachedAtMs }),
      ...(missing.length > 0 && { missing }),
    };
    if (reason === 'signed-in' || reason === 'chosen') this.#store(id, bound);
    else this.#infer(id, bound);
    if (!isKnown) this.audit.record({ kind: 'binding', outcome: reason, server: id, account, resource });
  }

  /** Notes that a session with `id` has been open as `account`. */
  reached(id: ServerId, account: Account, nowMs: number): void {
    const bound = this.boundTo(id);
    if (bound === undefined || bound.reachedAtMs !== undefined || !sameAccount(bound.account, account))
      return;
    this.#infer(id, { ...bound, reachedAtMs: nowMs });
  }

  /** Whether the user has signed out of `id`, and nobody has signed in since. */
  isSignedOut(id: ServerId): boolean {
    return this.bindings.get(id)?.kind === 'signed-out';
  }

  /** Leaves `id` with nobody, until somebody signs in for it. */
  signOut(id: ServerId): void {
    this.#store(id, signedOut);
  }

  /** Does the same though the user has not said so: where they have said something in another window, that stays. */
  unbind(id: ServerId): void {
    this.#infer(id, signedOut);
  }

  #decision(id: ServerId): Decision {
    const server = this.#servers.get(id);
    if (server === undefined || !this.bindings.isLoaded) return nobody;
    let decision = this.#decided.get(id);
    if (decision === undefined) {
      decision = this.#decide(server);
      this.#decided.set(id, decision);
    }
    return decision;
  }

  #decide(server: Server): Decision {
    const stored = this.bindings.get(server.id);
    if (stored?.kind === 'signed-out') return nobody;
    const fitting = this.#fitting.all(server);
    if (stored !== undefined && fitting.some((entry) => isSameCredential(stored, entry)))
      return { kind: 'bound', bound: stored };
    // Nobody takes the place of an account that has gone, unless the settings now ask for somebody else.
    const isMissed = stored !== undefined && this.#fitting.fits({ ...stored, scopes: [] }, server);
    const eligible = oneOfEachAccount(
      fitting.filter((entry) =>
        isMissed ? sameAccount(entry.account, stored.account) : this.#fitting.grants(entry, server),
      ),
    );
    const [only, ...others] = eligible;
    if (only === undefined) return nobody;
    if (others.length > 0) return { kind: 'open', candidates: eligible };
    if (this.#reserved.has(server.id) || this.#awaited > 0) return nobody;
    this.bind(server.id, only, 'only');
    return this.#decided.get(server.id) ?? nobody;
  }

  /** Nobody has said so: what the user has said in another window of this workspace stays. */
  #infer(id: ServerId, binding: Binding): void {
    this.#decided.set(id, decisionOf(binding));
    if (JSON.stringify(binding) !== JSON.stringify(this.bindings.get(id))) this.bindings.infer(id, binding);
  }

  /** The user has said so, which is written although this window knows nothing else: another one may have written since. */
  #store(id: ServerId, binding: Binding): void {
    this.#decided.set(id, decisionOf(binding));
    this.bindings.set(id, binding);
  }
}

const decisionOf = (binding: Binding): Decision =>
  binding.kind === 'bound' ? { kind: 'bound', bound: binding } : nobody;

const isSameCredential = (bound: IndexEntry | undefined, entry: IndexEntry): boolean =>
  bound !== undefined && keyText(keyOfEntry(bound)) === keyText(keyOfEntry(entry));
