import { recordOf } from './inquiry.js';
import type { Account } from '../core/account.js';

/** Whom a remembered answer would be for: an account, nobody while there is none, or one that is not chosen yet. */
export type Audience = Account | 'nobody' | 'undecided';

/**
 * What the answer to an inquiry is remembered as. One that a server gives to one account only has that in its name.
 * @param name - of the inquiry
 * @param account - that was told
 * @see MCP 2026-07-28, "Caching": `cacheScope`
 */
export function keptName(name: string, result: unknown, { issuer, subject }: Account): string {
  const isPrivate = recordOf(result)['cacheScope'] === 'private';
  return isPrivate ? JSON.stringify([...partsOf(name), issuer, subject]) : name;
}

/** The name of the inquiry that is remembered as `kept`. */
export const inquiryName = (kept: string): string => JSON.stringify(partsOf(kept).slice(0, 3));

/** Whether what is remembered as `kept` may be told to `audience`. Before anybody is there it goes to nobody else. */
export function isFor(kept: string, audience: Audience): boolean {
  const [, , , issuer, subject] = partsOf(kept);
  if (issuer === undefined || audience === 'nobody') return true;
  return audience !== 'undecided' && audience.issuer === issuer && audience.subject === subject;
}

const partsOf = (name: string): readonly unknown[] => JSON.parse(name) as readonly unknown[];
