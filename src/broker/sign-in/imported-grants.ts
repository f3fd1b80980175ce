import type { Account } from '../../core/account.js';
import type { Audit } from '../../core/audit.js';
import {
  isRenewable,
  keyOf,
  keyText,
  type Credential,
  type CredentialKey,
  type LiveCredential,
} from '../../core/credential.js';
import type { Clock } from '../../core/ports.js';
import { keyOfEntry } from '../../vault/records/index-entry.js';
import type { BoundServers } from '../servers/bound-servers.js';
import { newest } from '../state/generation.js';
import type { Holdings } from '../state/holdings.js';
import type { Issuers } from '../state/issuers.js';
import { patiently, readPatiently } from '../state/patience.js';
import { listed, otherGrants, replaceOthers, type OtherGrantsParts } from './other-grants.js';

/** It is here now. */
export interface Imported {
  readonly kind: 'imported';
  readonly account: Account;
}

/** What is here already is newer, or as new, or allows more, and stays. */
export interface Kept {
  readonly kind: 'kept';
  readonly account: Account;
  /** Whether it can be renewed, and allows all that was found. */
  readonly isCovered: boolean;
}

export interface ImportedGrantsParts extends OtherGrantsParts {
  readonly audit: Audit;
  readonly clock: Clock;
  readonly issuers: Issuers;
  readonly servers: BoundServers;
  readonly holdings: Holdings;
}

/** What becomes of the grants of other programs beside what is here: nothing that is newer gives way to them. */
export class ImportedGrants {
  constructor(private readonly parts: ImportedGrantsParts) {}

  /** What the account has been granted by another client already, and is no worse: a second grant would be seen nowhere. */
  async covered(fresh: LiveCredential): Promise<Kept | undefined> {
    const { vault } = this.parts;
    // Of those without a name nobody knows whether they are one; and a server may want this very client.
    if (fresh.account.subject === '' || this.#isWanted(fresh.client.clientId)) return undefined;
    await vault.look();
    for (const entry of otherGrants(this.parts, listed(fresh))) {
      const other = await readPatiently(this.parts, keyOfEntry(entry));
      if (other === undefined || !isRenewable(other) || !lastsAsLong(other, fresh)) continue;
      const kept = this.kept(other, fresh);
      if (kept.isCovered) return kept;
    }
    return undefined;
  }

  /**
   * What somebody has here of the same client for the same resource, where the file does not say whose it is: that may
   * descend from the same refresh token. Nobody knows, so it covers nothing.
   */
  async perhapsTheirs({ account, client, resource }: LiveCredential): Promise<Kept | undefined> {
    const { vault } = this.parts;
    if (account.subject !== '') return undefined;
    await vault.look();
    const entries = vault
      .list()
      .filter((entry) => entry.account.issuer === account.issuer && entry.clientId === client.clientId)
      .filter((entry) => entry.resource === resource && entry.grant === undefined);
    for (const entry of entries) {
      const other = await readPatiently(this.parts, keyOfEntry(entry));
      if (other !== undefined && isRenewable(other))
        return { kind: 'kept', account: other.account, isCovered: false };
    }
    return undefined;
  }

  kept(present: Credential, { account, scopes }: LiveCredential): Kept {
    return {
      kind: 'kept',
      account,
      isCovered: isRenewable(present) && this.#covers(account, present.scopes, scopes),
    };
  }

  /** What is here under `key`. Nobody can say of what cannot be read that it is older. */
  async present(key: CredentialKey): Promise<Credential | undefined> {
    const stored = await readPatiently(this.parts, key, 'certain');
    const held = this.parts.holdings.get(keyText(key))?.credential;
    // News of another window may have got lost.
    return held === undefined ? stored : newest(held, stored);
  }

  /**
   * To be called under the lease, so that a renewal of what is here has come to its end.
   * @param issuedAtMs - when the other program got its tokens; 0 when nobody knows
   */
  async keep(fresh: LiveCredential, issuedAtMs = 0): Promise<LiveCredential | Kept> {
    const { clock, vault } = this.parts;
    const key = keyOf(fresh);
    const present = await this.present(key);
    const covers: Covers = (...asked) => this.#covers(fresh.account, ...asked);
    if (present !== undefined && !mayReplace(present, fresh, issuedAtMs, covers))
      return this.kept(present, fresh);
    const after = (present?.generation ?? 0) + 1;
    const next = { ...fresh, generation: Math.max(after, await vault.generations.next(key)) };
    const saved = await patiently(clock, () => vault.put(next));
    return saved === 'saved' ? next : { kind: 'kept', account: fresh.account, isCovered: false };
  }

  /** Notes the outcome of importing `fresh`. Outside the lease, since what is replaced has leases of its own. */
  async conclude(outcome: LiveCredential | Kept, { resource }: Credential): Promise<Imported | Kept> {
    const { holdings, audit } = this.parts;
    if ('kind' in outcome) {
      audit.record({ kind: 'import', account: outcome.account, resource, outcome: 'not-newer' });
      return outcome;
    }
    const { account, scopes, generation, tokens } = outcome;
    const key = keyText(keyOf(outcome));
    if (holdings.get(key) !== undefined) holdings.take(outcome);
    if (account.subject !== '')
      await replaceOthers(this.parts, outcome, ({ clientId }, other) => {
        if (other === undefined || this.#isWanted(clientId)) return false;
        return this.#covers(account, scopes, other.scopes) && lastsAsLong(outcome, other);
      });
    const about = { kind: 'import', account, resource } as const;
    audit.record({ ...about, outcome: 'imported', generation, scopes, token: tokens.accessToken });
    return { kind: 'imported', account };
  }

  #isWanted(clientId: string): boolean {
    return this.parts.servers.all().some(({ auth }) => auth.clientId === clientId);
  }

  #covers({ issuer }: Account, granted: readonly string[], wanted: readonly string[]): boolean {
    return this.parts.issuers.missingScopes(issuer, granted, wanted).length === 0;
  }
}

/** Whether `granted` allows all of `wanted`, as their issuer understands scopes. */
type Covers = (granted: readonly string[], wanted: readonly string[]) => boolean;

/**
 * Whether tokens of another program, which the issuer has just renewed, take the place of what is here: of a grant that
 * was refused, or cannot be renewed; of older tokens that neither allow more than they do nor last longer.
 * @param issuedAtMs - when the other program got its tokens; 0 when nobody knows
 */
export function mayReplace(
  present: Credential,
  fresh: LiveCredential,
  issuedAtMs: number,
  covers: Covers,
): boolean {
  // Nothing else would renew what the issuer gave for a refresh token that is spent now.
  if (present.tokens.kind === 'refused' || !isRenewable(present)) return true;
  if (!covers(fresh.scopes, present.scopes)) return false;
  return lastsAsLong(fresh, present) && present.tokens.issuedAtMs < issuedAtMs;
}

/** Whether the grant of `one` has no earlier end than that of `other`. */
const lastsAsLong = (one: Credential, other: Credential): boolean => endOf(one) >= endOf(other);

const endOf = ({ tokens }: Credential): number =>
  (tokens.kind === 'alive' ? tokens.grantEndsAtMs : undefined) ?? Infinity;
