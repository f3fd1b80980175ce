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
import type { Fetch, Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import { revokeGrant } from '../../oauth/revocation.js';
import type { AllowedOrigins } from '../../vault/records/allowed-origins.js';
import type { CredentialVault } from '../../vault/credentials.js';
import type { IndexEntry } from '../../vault/records/index-entry.js';
import type { BoundServers } from '../servers/bound-servers.js';
import type { Clients } from './clients.js';
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
   * and then at the issuer.
   * @throws BrokerError `server_unknown`
   */
  async signOut(id: ServerId, extent: SignOutExtent): Promise<SignOutResult> {
    const { servers, loader, holdings, departures, leases, vault, audit, changed } = this.parts;
    const held = await loader.held(servers.get(id).id);
    if (held === undefined) return 'was-signed-out';
    const { credential } = held;
    const key = keyOf(credential);
    const { account, resource, generation } = credential;
    const entry = { ...key, account };
    const event = { kind: 'sign-out', server: id, account, resource } as const;
    // What the user means is what is there now, whatever this window has heard of; undefined when nobody can say.
    const meant = await vault.get(key).then(
      (stored) => stored ?? credential,
      () => undefined,
    );
    const sharing = servers.using(entry);
    // Asked for twice: by now, those that still use it are others.
    if (!sharing.some((one) => one.id === id)) return 'was-signed-out';
    // Unbound first: a call that comes meanwhile must not find the credential and bring it back.
    for (const one of extent === 'server' ? [servers.get(id)] : sharing) this.#unbind(one.id);
    // Of two workspaces that leave it at once, the one that looks last sees that the other has left.
    if (extent === 'server' && (await this.#isStillUsed(entry))) {
      // It stays in memory and is renewed until the window closes: what is not held counts as signed out for all, and a
      // renewal that is under way, or not saved yet, would take it from the others.
      changed();
      audit.record({ ...event, outcome: 'kept', generation });
      return 'left';
    }
    // It may have been renewed while it was found out who uses it.
    const latest = holdings.get(keyText(key))?.credential ?? credential;
    holdings.remove(keyText(key));
    changed();
    // A window that is renewing it right now finishes first, so that what is removed and revoked is the newest.
    const removed = await departures.during(keyText(key), (left) =>
      leases.holdOrDoWithout(keyText(key), async () => {
        const stored = await vault.get(key).catch(() => undefined);
        if (stored !== undefined && meant !== undefined && isOfAnotherSignIn(stored, signInOf(meant)))
          return undefined;
        const last = newest(left() ?? latest, stored);
        await vault.remove(last);
        return last;
      }),
    );
    if (removed === undefined) {
      audit.record({ ...event, outcome: 'kept', generation });
      return 'superseded';
    }
    await this.#forgetAllowed(account);
    const outcome = await this.#leave(removed, extent);
    audit.record({ ...event, outcome, generation: removed.generation });
    return outcome;
  }

  /** The servers of this window that use the credential of `id`, too. */
  usedWith(id: ServerId): readonly ServerId[] {
    const { servers } = this.parts;
    const bound = servers.boundTo(id);
    const all = bound === undefined ? [] : servers.using(bound);
    return all.map((server) => server.id).filter((other) => other !== id);
  }

  /** Whether a server of another workspace uses the credential of `id`, too. */
  async isUsedElsewhere(id: ServerId): Promise<boolean> {
    const { servers } = this.parts;
    const bound = servers.boundTo(id);
    return bound !== undefined && (await servers.areOthersUsing(bound));
  }

  async #isStillUsed(entry: IndexEntry): Promise<boolean> {
    const { servers } = this.parts;
    return (await servers.areOthersUsing(entry)) || servers.using(entry).length > 0;
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
    const isForeign = credential.grant?.kind === 'google';
    if (extent !== 'grant' || isForeign) return 'kept';
    const { fetch, issuers, clients, log } = this.parts;
    const { account, client, resource } = credential;
    let isRevoked = false;
    try {
      const issuer = await issuers.metadata(account.issuer, resource);
      // In this order: the revocation is the client's.
      isRevoked = isAlive(credential) && (await revokeGrant(fetch, issuer, credential));
      await clients.leave(issuer, client.clientId);
    } catch (error) {
      log.warn(`The issuer could not be told of the sign-out: ${describeError(error)}`);
    }
    return isRevoked ? 'revoked' : 'forgotten';
  }
}
