import * as v from 'valibot';
import type { Account } from '../core/account.js';
import type { CredentialKey } from '../core/credential.js';
import { accountSchema } from './record.js';

/** What is known about a stored credential without its secrets. */
export interface IndexEntry {
  readonly account: Account;
  readonly clientId: string;
  readonly resource: string;
}

export const indexSchema = v.strictObject({
  account: accountSchema,
  clientId: v.string(),
  resource: v.string(),
});

export function keyOfEntry({ account, clientId, resource }: IndexEntry): CredentialKey {
  return { issuer: account.issuer, clientId, subject: account.subject, resource };
}
