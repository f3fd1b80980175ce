import { isCalled } from '../../core/account.js';
import { isSameIssuer } from '../../core/address.js';
import { isSameGrant } from '../../core/grant.js';
import type { Server } from '../../core/server.js';
import type { CredentialVault } from '../../vault/credentials.js';
import type { IndexEntry, ListedCredential } from '../../vault/records/index-entry.js';
import type { Issuers } from '../state/issuers.js';
import type { Reaches } from '../state/reaches.js';

/** Which of the stored credentials may serve a server. */
export class Fitting {
  /** The stored credentials by the origin of their resource, made from `list`. */
  #sorted:
    | {
        readonly list: readonly ListedCredential[];
        readonly forAll: readonly ListedCredential[];
        readonly byOrigin: Origins;
      }
    | undefined;

  constructor(
    private readonly vault: Pick<CredentialVault, 'list'>,
    private readonly reaches: Reaches,
    private readonly issuers: Pick<Issuers, 'missingScopes'>,
  ) {}

  /** Those that go where `server` is and are for what the user configured, whatever they allow. */
  all(server: Server): readonly ListedCredential[] {
    return this.#near(server).filter(
      (entry) => this.fits(entry, server) && isSameGrant(entry.grant, server.auth.grant),
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
  fits(entry: Omit<ListedCredential, 'grant'>, { url, auth }: Server): boolean {
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
  grants(entry: ListedCredential, { auth }: Server): boolean {
    if (auth.scopes === undefined) return !this.reaches.isForAll(entry);
    const wanted = auth.scopes.filter((scope) => !identityScopes.includes(scope));
    return this.issuers.missingScopes(entry.account.issuer, entry.scopes, wanted).length === 0;
  }

  /** Whether nobody knows what `server` needs, so that only a sign-in finds out whether `entry` covers it. */
  mayBeTooNarrow(entry: IndexEntry, { auth }: Server): boolean {
    return auth.scopes === undefined && auth.grant === undefined && this.reaches.isForAll(entry);
  }
}

/** Of an account that has several, the one for the closest resource; of those, the one that came last. */
export function oneOfEachAccount(entries: readonly ListedCredential[]): readonly IndexEntry[] {
  const best = new Map<string, ListedCredential>();
  for (const entry of entries) {
    const name = JSON.stringify([entry.account.issuer, entry.account.subject]);
    const present = best.get(name);
    if (present === undefined || present.resource.length <= entry.resource.length) best.set(name, entry);
  }
  return [...best.values()];
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

/**
 * These say who somebody is and how long the sign-in lasts, not what a server may do; issuers answer them under other
 * names or not at all (OpenID Connect Core §5.4, §11).
 */
const identityScopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'];
