import * as v from 'valibot';
import type { Account } from '../../core/account.js';
import type { CredentialKey } from '../../core/credential.js';
import type { Grant } from '../../core/grant.js';
import { accountSchema, grantSchema } from './record.js';

/** What is known about a stored credential without its secrets. */
export interface IndexEntry {
  readonly account: Account;
  readonly clientId: string;
  readonly resource: string;
}

/** A stored credential as it is listed. */
export interface ListedCredential extends IndexEntry {
  /** Those that were granted. */
  readonly scopes: readonly string[];
  /** How it came about, where that can be repeated without the user. */
  readonly grant?: Grant;
}

/** The stored form of an `IndexEntry`, which holds no secret. A member that is not known makes it a damaged one. */
export const indexSchema = v.strictObject({
  account: accountSchema,
  clientId: v.string(),
  resource: v.string(),
});

/** The stored form of a `ListedCredential`. An entry of an earlier version has no scopes, and is read as granted none. */
export const listedSchema = v.strictObject({
  ...indexSchema.entries,
  scopes: v.optional(v.array(v.string()), []),
  grant: v.exactOptional(grantSchema),
});

/** The key of the credential that the entry is about: that of `keyOf` for the credential itself. */
export function keyOfEntry({ account, clientId, resource }: IndexEntry): CredentialKey {
  return { issuer: account.issuer, clientId, subject: account.subject, resource };
}
