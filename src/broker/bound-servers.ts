import { isCalled, sameAccount, type Account } from '../core/account.js';
import { covers } from '../core/address.js';
import { keyText, type CredentialKey } from '../core/credential.js';
import { BrokerError } from '../core/errors.js';
import type { Server, ServerId } from '../core/server.js';
import type { Binding, Bindings, Bound } from '../vault/bindings.js';
import type { CredentialVault } from '../vault/credentials.js';
import { keyOfEntry, type IndexEntry } from '../vault/index-entry.js';

/**
 * The servers of this window, and which credential each of them uses. A binding is decided once and then looked up,
 * since every call asks for it.
 */
export class BoundServers {
  readonly #servers = new Map<ServerId, Server>();
  readonly #decided = new Map<ServerId, Bound | undefined>();

  constructor(
    private readonly bindings: Bindings,
    private readonly vault: CredentialVault,
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
   * The credential that `id` is bound to. When exactly one stored credential fits a server that nobody has signed in
   * or out of in this workspace, it is bound without asking.
   */
  boundTo(id: ServerId): Bound | undefined {
    const server = this.#servers.get(id);
    if (server === undefined || !this.bindings.isLoaded) return undefined;
    if (!this.#decided.has(id)) this.#decided.set(id, this.#decide(server));
    return this.#decided.get(id);
  }

  /** Forgets what was decided from what was stored then; a binding that still fits is found again. */
  decideAnew(): void {
    this.#decided.clear();
  }

  /** Those that use the credential of `entry`. */
  using(entry: IndexEntry): readonly Server[] {
    return this.all().filter(({ id }) => isSameCredential(this.boundTo(id), entry));
  }

  /** Whether a credential under `key` could serve one of them. */
  mayUse({ resource }: CredentialKey): boolean {
    return this.all().some(({ url }) => covers(resource, url));
  }

  /** Binds `id`; servers that had nobody may now have exactly one who fits, so they are decided anew. */
  bind(id: ServerId, entry: IndexEntry): void {
    const before = this.#decided.get(id);
    for (const [other, bound] of this.#decided) if (bound === undefined) this.#decided.delete(other);
    const { account, clientId, resource } = entry;
    const reachedAtMs = isSameCredential(before, entry) ? before?.reachedAtMs : undefined;
    this.#store(id, {
      kind: 'bound',
      account,
      clientId,
      resource,
      ...(reachedAtMs !== undefined && { reachedAtMs }),
    });
  }

  /** Notes that a session with `id` has been open as `account`. */
  reached(id: ServerId, account: Account, nowMs: number): void {
    const bound = this.#decided.get(id);
    if (bound === undefined || bound.reachedAtMs !== undefined || !sameAccount(bound.account, account))
      return;
    this.#store(id, { ...bound, reachedAtMs: nowMs });
  }

  /** Leaves `id` with nobody, until somebody signs in for it. */
  signOut(id: ServerId): void {
    this.#store(id, { kind: 'signed-out' });
  }

  #decide(server: Server): Bound | undefined {
    const stored = this.bindings.get(server.id);
    if (stored?.kind === 'signed-out') return undefined;
    const candidates = this.vault.list().filter((entry) => fits(entry, server));
    if (stored !== undefined && candidates.some((entry) => isSameCredential(stored, entry))) return stored;
    // Nobody takes the place of an account that has gone, unless the settings now ask for somebody else.
    const isMissed = stored !== undefined && fits(stored, server);
    const [only, ...others] = isMissed
      ? candidates.filter(({ account }) => sameAccount(account, stored.account))
      : candidates;
    if (only === undefined || others.length > 0) return undefined;
    const bound: Bound = { kind: 'bound', ...only };
    this.#store(server.id, bound);
    return bound;
  }

  #store(id: ServerId, binding: Binding): void {
    this.#decided.set(id, binding.kind === 'bound' ? binding : undefined);
    if (JSON.stringify(binding) !== JSON.stringify(this.bindings.get(id))) this.bindings.set(id, binding);
  }
}

const isSameCredential = (bound: IndexEntry | undefined, entry: IndexEntry): boolean =>
  bound !== undefined && keyText(keyOfEntry(bound)) === keyText(keyOfEntry(entry));

/** Whether a stored credential may serve `server`: for its resource, and as the user configured it. */
function fits({ account, clientId, resource }: IndexEntry, { url, auth }: Server): boolean {
  return (
    covers(resource, url) &&
    (auth.account === undefined || isCalled(account, auth.account)) &&
    (auth.issuer === undefined || isSameIssuer(auth.issuer, account.issuer)) &&
    (auth.clientId === undefined || auth.clientId === clientId)
  );
}

/** RFC 8414 §3.1 drops a terminating slash of a bare origin, and people do either. */
const isSameIssuer = (a: string, b: string): boolean => a.replace(/\/$/, '') === b.replace(/\/$/, '');
