import { isCalled, sameAccount, type Account } from '../core/account.js';
import { covers, isSameIssuer } from '../core/address.js';
import type { Audit } from '../core/audit.js';
import { keyText, type CredentialKey } from '../core/credential.js';
import { BrokerError } from '../core/errors.js';
import { isSameGrant } from '../core/grant.js';
import type { Server, ServerId } from '../core/server.js';
import type { Binding, Bindings, Bound } from '../vault/bindings.js';
import type { CredentialVault } from '../vault/credentials.js';
import { keyOfEntry, type IndexEntry, type ListedCredential } from '../vault/index-entry.js';
import type { Issuers } from './issuers.js';
import type { Reaches } from './reaches.js';

/** How a binding came about: the user signed in or chose, or there was only one account that fitted. */
type Reason = 'signed-in' | 'chosen' | 'only';

type Decision =
  | { readonly kind: 'bound'; readonly bound: Bound }
  /** Nobody, or one of several whom the user has to choose. */
  | { readonly kind: 'open'; readonly candidates: readonly IndexEntry[] };

const nobody: Decision = { kind: 'open', candidates: [] };

/**
 * The servers of this window, and which credential each of them uses. A binding is decided once and then looked up,
 * since every call asks for it.
 */
export class BoundServers {
  readonly #servers = new Map<ServerId, Server>();
  readonly #decided = new Map<ServerId, Decision>();
  readonly #reserved = new Set<ServerId>();
  #awaited = 0;
  /** The stored credentials by the origin of their resource, made from `list`. */
  #sorted:
    | {
        readonly list: readonly ListedCredential[];
        readonly forAll: readonly ListedCredential[];
        readonly byOrigin: Origins;
      }
    | undefined;

  constructor(
    private readonly bindings: Bindings,
    private readonly vault: CredentialVault,
    private readonly audit: Audit,
    private readonly reaches: Reaches,
    private readonly issuers: Pick<Issuers, 'missingScopes'>,
  ) {}

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

  /** A credential of each account that `id` could use as well, beside the one that it uses. */
  others(id: ServerId): readonly IndexEntry[] {
    const server = this.#servers.get(id);
    if (server === undefined || !this.bindings.isLoaded) return [];
    const now = this.boundTo(id)?.account;
    const eligible = this.#fitting(server).filter((entry) => this.#grants(entry, server));
    return oneOfEachAccount(eligible).filter(
      ({ account }) => now === undefined || !sameAccount(account, now),
    );
  }

  /** Forgets what was decided from what was stored then; a binding that still fits is found again. */
  decideAnew(): void {
    this.#decided.clear();
  }

  /** Those that use the credential of `entry`. */
  using(entry: IndexEntry): readonly Server[] {
    return this.all().filter(({ id }) => isSameCredential(this.boundTo(id), entry));
  }

  /** Whether a server of another workspace uses the credential of `entry`, as far as any window has written it down. */
  async areOthersUsing(entry: IndexEntry): Promise<boolean> {
    const elsewhere = await this.bindings.elsewhere();
    return elsewhere.some((binding) => binding.kind === 'bound' && isSameCredential(binding, entry));
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
    const lacking = missing.length === 0 ? {} : { missing };
    const before = this.bindings.get(id);
    if (before?.kind === 'bound' && isSameCredential(before, entry)) {
      // Another label, perhaps; the server has been reached as the same account.
      const { missing: _, ...others } = before;
      this.#store(id, { ...others, account: entry.account, ...lacking });
      return;
    }
    const { account, clientId, resource } = entry;
    this.#store(id, { kind: 'bound', account, clientId, resource, ...lacking });
    this.audit.record({ kind: 'binding', outcome: reason, server: id, account, resource });
  }

  /** Notes that a session with `id` has been open as `account`. */
  reached(id: ServerId, account: Account, nowMs: number): void {
    const bound = this.boundTo(id);
    if (bound === undefined || bound.reachedAtMs !== undefined || !sameAccount(bound.account, account))
      return;
    this.#store(id, { ...bound, reachedAtMs: nowMs });
  }

  /** Whether the user has signed out of `id`, and nobody has signed in since. */
  isSignedOut(id: ServerId): boolean {
    return this.bindings.get(id)?.kind === 'signed-out';
  }

  /** Leaves `id` with nobody, until somebody signs in for it. */
  signOut(id: ServerId): void {
    this.#store(id, { kind: 'signed-out' });
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
    const fitting = this.#fitting(server);
    if (stored !== undefined && fitting.some((entry) => isSameCredential(stored, entry)))
      return { kind: 'bound', bound: stored };
    // Nobody takes the place of an account that has gone, unless the settings now ask for somebody else.
    const isMissed = stored !== undefined && this.#fits({ ...stored, scopes: [] }, server);
    const eligible = oneOfEachAccount(
      fitting.filter((entry) =>
        isMissed ? sameAccount(entry.account, stored.account) : this.#grants(entry, server),
      ),
    );
    const [only, ...others] = eligible;
    if (only === undefined) return nobody;
    if (others.length > 0) return { kind: 'open', candidates: eligible };
    if (this.#reserved.has(server.id) || this.#awaited > 0) return nobody;
    this.bind(server.id, only, 'only');
    return this.#decided.get(server.id) ?? nobody;
  }

  #fitting(server: Server): readonly ListedCredential[] {
    return this.#near(server).filter(
      (entry) => this.#fits(entry, server) && isSameGrant(entry.grant, server.auth.grant),
    );
  }

  /** Only a credential for the same origin can fit, or one that is for all servers of its account. */
  #near({ url }: Server): readonly ListedCredential[] {
    const list = this.vault.list();
    if (this.#sorted?.list !== list) {
      const [forAll, others] = [true, false].map((isForAll) =>
        list.filter((entry) => this.reaches.isForAll(entry) === isForAll),
      ) as [ListedCredential[], ListedCredential[]];
      this.#sorted = { list, forAll, byOrigin: sortByOrigin(others) };
    }
    const { forAll, byOrigin } = this.#sorted;
    return [...(byOrigin.get(originOf(url)) ?? []), ...forAll];
  }

  /** Whether a stored credential may serve `server`: for where it may go, and as the user configured it. */
  #fits(entry: Omit<ListedCredential, 'grant'>, { url, auth }: Server): boolean {
    const { account, clientId } = entry;
    return (
      (auth.account === undefined || isCalled(account, auth.account)) &&
      (auth.issuer === undefined || isSameIssuer(auth.issuer, account.issuer)) &&
      (auth.clientId === undefined || auth.clientId === clientId) &&
      this.reaches.isWithin(entry, url)
    );
  }

  /**
   * Whether a stored credential has what `server` needs. One that was granted for another server says nothing about
   * this one, unless the user has configured what that is; a sign-in finds it out.
   */
  #grants(entry: ListedCredential, { auth }: Server): boolean {
    if (auth.scopes === undefined) return !this.reaches.isForAll(entry);
    const wanted = auth.scopes.filter((scope) => !identityScopes.includes(scope));
    return this.issuers.missingScopes(entry.account.issuer, entry.scopes, wanted).length === 0;
  }

  #store(id: ServerId, binding: Binding): void {
    this.#decided.set(id, binding.kind === 'bound' ? { kind: 'bound', bound: binding } : nobody);
    if (JSON.stringify(binding) !== JSON.stringify(this.bindings.get(id))) this.bindings.set(id, binding);
  }
}

type Origins = ReadonlyMap<string, readonly ListedCredential[]>;

function sortByOrigin(list: readonly ListedCredential[]): Origins {
  const byOrigin = new Map<string, ListedCredential[]>();
  for (const entry of list) {
    const origin = originOf(entry.resource);
    const others = byOrigin.get(origin);
    if (others === undefined) byOrigin.set(origin, [entry]);
    else others.push(entry);
  }
  return byOrigin;
}

const originOf = (address: string): string => (URL.canParse(address) ? new URL(address).origin : '');

/** Of an account that has several, the one for the closest resource; of those, the one that came last. */
function oneOfEachAccount(entries: readonly ListedCredential[]): readonly IndexEntry[] {
  const best = new Map<string, ListedCredential>();
  for (const entry of entries) {
    const name = JSON.stringify([entry.account.issuer, entry.account.subject]);
    const present = best.get(name);
    if (present === undefined || present.resource.length <= entry.resource.length) best.set(name, entry);
  }
  return [...best.values()];
}

const isSameCredential = (bound: IndexEntry | undefined, entry: IndexEntry): boolean =>
  bound !== undefined && keyText(keyOfEntry(bound)) === keyText(keyOfEntry(entry));

/**
 * These say who somebody is and how long the sign-in lasts, not what a server may do; issuers answer them under other
 * names or not at all (OpenID Connect Core §5.4, §11).
 */
const identityScopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'];
