import { sameAccount, type Account } from '../../core/account.js';
import {
  isAlive,
  isOfAnotherSignIn,
  keyOf,
  keyText,
  signInOf,
  type Credential,
} from '../../core/credential.js';
import type { Audit } from '../../core/audit.js';
import { describeError } from '../../core/errors.js';
import { isBorrowedLogin } from '../../core/grant.js';
import type { Fetch, Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import { revokeGrant } from '../../oauth/revocation.js';
import type { AllowedOrigins } from '../../vault/records/allowed-origins.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry, type IndexEntry, type ListedCredential } from '../../vault/records/index-entry.js';
import type { BoundServers } from '../servers/bound-servers.js';
import type { Clients } from './clients.js';
import { listed, otherGrants } from './other-grants.js';
import type { Departures } from '../state/departures.js';
import { newest } from '../state/generation.js';
import type { Holdings } from '../state/holdings.js';
import type { Issuers } from '../state/issuers.js';
import type { KeptLeases } from '../state/kept-leases.js';
import type { Loader } from '../servers/loader.js';

/**
 * How far signing out came: `revoked` at the issuer too; only `forgotten` here, since the issuer could not be told; the
 * grant was `kept` there, on purpose; the server alone has `left`, since others use the same credential; or what was to
 * go is `superseded`, since somebody has signed in anew meanwhile.
 */
export type SignOutResult = 'revoked' | 'forgotten' | 'kept' | 'left' | 'superseded' | 'was-signed-out';

/**
 * How far it is to go: one `server` leaves its account, and the credential goes with its last user; the `account` is
 * forgotten with all that use the credential, and its grant stays at the issuer; or the `grant` ends there, too.
 */
export type SignOutExtent = 'server' | 'account' | 'grant';

export interface SignOutsParts {
  readonly audit: Audit;
  readonly fetch: Fetch;
  readonly log: Log;
  readonly leases: KeptLeases;
  readonly vault: CredentialVault;
  readonly clients: Clients;
  readonly servers: BoundServers;
  readonly loader: Loader;
  readonly holdings: Holdings;
  readonly departures: Departures;
  readonly issuers: Issuers;
  readonly allowedOrigins: AllowedOrigins;
  /** Called as soon as nobody can be lent the credential any more. */
  readonly changed: () => void;
}

/** A credential that is to go. */
interface Going {
  readonly credential: Credential;
  /** As it was stored when the user said so; undefined when nobody can say. */
  readonly meant: Credential | undefined;
}

/** Forgets credentials because the user says so. */
export class SignOuts {
  readonly #count = new Map<ServerId, number>();

  constructor(private readonly parts: SignOutsParts) {}

  /** How often `id` has been signed out in this window. */
  countOf(id: ServerId): number {
    return this.#count.get(id) ?? 0;
  }

  /**
   * Ends the use that `id` makes of its credential, and with it the credential, as far as `extent` says: here at once,
   * and then at the issuer. What the same account was granted for another client goes with it: nobody would see that it
   * is there, and the next server would use it without being asked.
   * @throws BrokerError `server_unknown`
   */
  async signOut(id: ServerId, extent: SignOutExtent): Promise<SignOutResult> {
    const { servers, loader, holdings, audit, changed } = this.parts;
    const held = await loader.held(servers.get(id).id);
    if (held === undefined) return 'was-signed-out';
    const { credential } = held;
    const { account, resource, generation } = credential;
    const event = { kind: 'sign-out', server: id, account, resource } as const;
    const own = { credential, meant: await this.#meant(credential) };
    const others = await this.#others(credential);
    const all = [own, ...others];
    // Asked for twice: by now, those that still use it are others.
    if (!servers.using(listed(credential)).some((one) => one.id === id)) return 'was-signed-out';
    const sharing = all.flatMap((one) => servers.using(listed(one.credential)));
    // Unbound first: a call that comes meanwhile must not find the credential and bring it back.
    for (const one of extent === 'server' ? [servers.get(id)] : sharing) this.#unbind(one.id);
    // Of two workspaces that leave it at once, the one that looks last sees that the other has left.
    const used = extent === 'server' ? await this.#stillUsed(all) : [];
    if (used.includes(own)) {
      // It stays in memory and is renewed until the window closes: what is not held counts as signed out for all, and a
      // renewal that is under way, or not saved yet, would take it from the others.
      changed();
      audit.record({ ...event, outcome: 'kept', generation });
      return 'left';
    }
    // It may have been renewed while it was found out who uses it.
    const going = all.filter((one) => !used.includes(one)).map((one) => this.#latest(one));
    for (const one of going) holdings.remove(keyText(keyOf(one.credential)));
    changed();
    const removed = await Promise.all(going.map((one) => this.#remove(one)));
    if (removed[0] === undefined) audit.record({ ...event, outcome: 'kept', generation });
    await this.#forgetAllowed(account);
    const outcomes: ('revoked' | 'forgotten' | 'kept')[] = [];
    for (const last of removed) {
      if (last === undefined) continue;
      const outcome = await this.#leave(last, extent);
      audit.record({ ...event, outcome, generation: last.generation });
      // Nobody has to be told of what is dead beside what is not.
      if (last === removed[0] || isAlive(last)) outcomes.push(outcome);
    }
    if (removed[0] === undefined) return 'superseded';
    if (used.length > 0) return 'left';
    return outcomes.includes('forgotten') ? 'forgotten' : (outcomes[0] ?? 'kept');
  }

  /** The servers of this window that use the account of `id`, too, for the same resource. */
  usedWith(id: ServerId): readonly ServerId[] {
    const all = this.#together(id).flatMap((entry) => this.parts.servers.using(entry));
    return all.map((server) => server.id).filter((other) => other !== id);
  }

  /** Whether a server of another workspace does. */
  async isUsedElsewhere(id: ServerId): Promise<boolean> {
    const { servers } = this.parts;
    const elsewhere = await Promise.all(this.#together(id).map((entry) => servers.areOthersUsing(entry)));
    return elsewhere.includes(true);
  }

  /** The credential that `id` is bound to, and those that go with it. */
  #together(id: ServerId): readonly IndexEntry[] {
    const { servers, vault } = this.parts;
    const bound = servers.boundTo(id);
    if (bound === undefined) return [];
    const own = vault.list().find((entry) => keyText(keyOfEntry(entry)) === keyText(keyOfEntry(bound)));
    return [bound, ...(own === undefined ? [] : this.#beside(own))];
  }

  /** Of those without a name nobody knows whether they are one. */
  #beside(entry: ListedCredential): readonly ListedCredential[] {
    return entry.account.subject === '' ? [] : otherGrants(this.parts, entry);
  }

  /** What goes with `credential`, as far as it can be read. */
  async #others(credential: Credential): Promise<readonly Going[]> {
    const { vault, holdings, log } = this.parts;
    await vault.look().catch((error: unknown) => {
      log.warn(`Whether there is more of an account cannot be looked up: ${describeError(error)}`);
    });
    const entries = this.#beside(listed(credential));
    const found = entries.map(async (entry): Promise<readonly Going[]> => {
      const key = keyOfEntry(entry);
      const stored = await vault.get(key).catch(() => undefined);
      const one = holdings.get(keyText(key))?.credential ?? stored;
      if (one !== undefined) return [{ credential: one, meant: stored }];
      log.warn('A credential of the same account is left: it cannot be read.');
      return [];
    });
    return (await Promise.all(found)).flat();
  }

  /** What the user means is what is there now, whatever this window has heard of; undefined when nobody can say. */
  #meant(credential: Credential): Promise<Credential | undefined> {
    return this.parts.vault.get(keyOf(credential)).then(
      (stored) => stored ?? credential,
      () => undefined,
    );
  }

  #latest({ credential, meant }: Going): Going {
    const held = this.parts.holdings.get(keyText(keyOf(credential)))?.credential;
    return { credential: held ?? credential, meant };
  }

  /**
   * A window that is renewing it right now finishes first, so that what is removed and revoked is the newest.
   * @returns what is removed; undefined when somebody has signed in anew
   */
  #remove({ credential, meant }: Going): Promise<Credential | undefined> {
    const { departures, leases, vault } = this.parts;
    const key = keyOf(credential);
    return departures.during(keyText(key), (left) =>
      leases.holdOrDoWithout(keyText(key), async () => {
        const stored = await vault.get(key).catch(() => undefined);
        if (stored !== undefined && meant !== undefined && isOfAnotherSignIn(stored, signInOf(meant)))
          return undefined;
        const last = newest(left() ?? credential, stored);
        await vault.remove(last);
        return last;
      }),
    );
  }

  async #stillUsed(all: readonly Going[]): Promise<readonly Going[]> {
    const { servers } = this.parts;
    const asked = all.map(async (one) => {
      const entry = listed(one.credential);
      return (await servers.areOthersUsing(entry)) || servers.using(entry).length > 0;
    });
    const isUsed = await Promise.all(asked);
    return all.filter((_, index) => isUsed[index]);
  }

  /** What was allowed for an account holds for as long as it is here. */
  async #forgetAllowed(account: Account): Promise<void> {
    const { vault, allowedOrigins, log } = this.parts;
    if (vault.list().some((entry) => sameAccount(entry.account, account))) return;
    await allowedOrigins.forget(account).catch((error: unknown) => {
      log.warn(`What was allowed for the account is not forgotten: ${describeError(error)}`);
    });
  }

  #unbind(id: ServerId): void {
    this.#count.set(id, this.countOf(id) + 1);
    this.parts.servers.signOut(id);
  }

  async #leave(credential: Credential, extent: SignOutExtent): Promise<'revoked' | 'forgotten' | 'kept'> {
    // What another program has signed in with is not ours to end: revoking a token ends all of its grant.
    const isForeign = isBorrowedLogin(credential.grant);
    if (extent !== 'grant' || isForeign) return 'kept';
    const { fetch, issuers, clients, log } = this.parts;
    const { account, client, resource } = credential;
    let isRevoked = false;
    try {
      const issuer = await issuers.metadata(account.issuer, resource);
      // In this order: the revocation is the client's.
      isRevoked = isAlive(credential) && (await revokeGrant(fetch, issuer, credential));
      await clients.registrations.leave(issuer, client.clientId);
    } catch (error) {
      log.warn(`The issuer could not be told of the sign-out: ${describeError(error)}`);
    }
    return isRevoked ? 'revoked' : 'forgotten';
  }
}
