import type { Account } from '../../core/account.js';
import { isSameIssuer } from '../../core/address.js';
import { reaches, type Reach } from '../../core/reach.js';
import type { AllowedOrigins } from '../../vault/records/allowed-origins.js';
import type { ListedCredential } from '../../vault/records/index-entry.js';
import type { Issuers } from './issuers.js';

/** What a token is told apart by here: a credential, held or only listed. */
export interface Issued {
  readonly account: Account;
  readonly resource: string;
  /** What they allow; empty where what is asked is whether the account may be here at all. */
  readonly scopes: readonly string[];
}

/** Where the tokens of each credential may go. */
export class Reaches {
  constructor(
    private readonly issuers: Pick<Issuers, 'audienceless' | 'missingScopes'>,
    private readonly allowed: AllowedOrigins,
  ) {}

  /** Where tokens of `issued` may go now. */
  of({ account, resource, scopes }: Issued): Reach {
    if (!isSameIssuer(account.issuer, resource)) return { kind: 'resource', resource };
    const own = this.issuers.audienceless(account.issuer);
    // An issuer that is the server, too, names itself as the resource.
    if (own === undefined) return { kind: 'resource', resource };
    // What was allowed for less is not allowed for what the account was granted since.
    const allowed = this.allowed
      .of(account)
      .filter((one) => this.issuers.missingScopes(account.issuer, one.scopes, scopes).length === 0)
      .map(({ origin }) => origin);
    return { kind: 'origins', patterns: own, origins: allowed };
  }

  /** Whether tokens of `issued` may be sent to `address`. */
  isWithin(issued: Issued, address: string): boolean {
    return reaches(this.of(issued), address);
  }

  /** Whether they name no audience, so that one credential serves all servers of its account. */
  isForAll({ account, resource }: Pick<Issued, 'account' | 'resource'>): boolean {
    return this.of({ account, resource, scopes: [] }).kind === 'origins';
  }
  /** Those of `listed` by which people have signed in at `issuer`, for all servers of its tokens. */
  signedInAt(listed: readonly ListedCredential[], issuer: string): readonly ListedCredential[] {
    return listed.filter(
      (entry) => entry.account.issuer === issuer && entry.grant === undefined && this.isForAll(entry),
    );
  }
}
