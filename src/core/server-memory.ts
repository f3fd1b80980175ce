import type { Account } from './account.js';
import type { ServerId } from './server.js';

/**
 * What a server said when it was reached last: the results of requests for what it is and what it offers, by the name
 * of the request. It may be private to the account that asked; no token is in it.
 */
export type SaidBefore = Readonly<Record<string, unknown>>;

/** Keeps what servers said, for windows in which nobody is signed in. Losing it costs no more than a quick start. */
export interface ServerMemory {
  /**
   * @param account - whom it was said to; undefined for whoever that was
   * @returns what `server` said at `url`; nothing when that is not known or cannot be read. Never rejects.
   */
  recall(server: ServerId, url: string, account: Account | undefined): Promise<SaidBefore>;

  /** Keeps `said` in the place of what was kept, whoever that was for. Never rejects. */
  keep(server: ServerId, url: string, account: Account, said: SaidBefore): Promise<void>;

  /** Deletes what was kept of `server` at any address, whoever that was for, but for the requests whose name `stays`. Never rejects. */
  reduce(server: ServerId, stays: (name: string) => boolean): Promise<void>;
}

/** For windows that are to leave nothing behind: it lasts as long as they do. */
export const noServerMemory: ServerMemory = {
  recall: () => Promise.resolve({}),
  keep: () => Promise.resolve(),
  reduce: () => Promise.resolve(),
};
