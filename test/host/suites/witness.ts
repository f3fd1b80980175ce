import { readHandover } from './handover.js';

/** What the suites are told about the servers outside; in the handover's `data`. */
export type Outside = {
  /** Where to ask what happened. */
  readonly witness: string;
  /** By label, an entry of the setting `mcpCredentials.servers`. */
  readonly entries: Readonly<Record<string, object>>;
  readonly tokenMs: number;
};

/** What the servers have seen so far. */
export type Seen = {
  /** When each renewal was granted, in milliseconds since the epoch. */
  readonly refreshedAtMs: readonly number[];
  readonly refusedRefreshes: number;
  /** How many renewals wait before the closed gate. */
  readonly waitingRenewals: number;
  /** By server, in the order in which they were opened. */
  readonly sessions: Readonly<Record<string, readonly { id: string; owner: string; callers: string[] }[]>>;
  /** What was left with the `note` tool. */
  readonly notes: readonly { readonly subject: string; readonly text: string }[];
};

/** Only works in an extension host that was started for suites. */
export const outside = (): Outside => readHandover().data as Outside;

/** Asks the servers outside what they have seen. */
export const seen = (): Promise<Seen> => ask<Seen>('seen');

/** Makes every renewal wait until {@link openGate}. */
export const closeGate = (): Promise<unknown> => ask('close-gate');
export const openGate = (): Promise<unknown> => ask('open-gate');

/** How many of the secrets that were ever handed out are in `text`. */
export const secretsIn = (text: string): Promise<number> => ask<number>('secrets-in', text);

async function ask<T>(what: string, body?: string): Promise<T> {
  const response = await fetch(`${outside().witness}/${what}`, {
    method: 'POST',
    ...(body !== undefined && { body }),
  });
  return (await response.json()) as T;
}
