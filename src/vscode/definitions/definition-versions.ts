import type { Account } from '../../core/account.js';
import type { ServerId } from '../../core/server.js';

interface Told {
  readonly account: string | undefined;
  readonly version: string;
  /** How often a server went on under a version that was given out while nobody was signed in. */
  readonly takenOver: number;
}

/**
 * The versions of the definitions. The editor stops a running server whose version changes, and what runs in it fails.
 * Another account is another session and gets another version; another token does not. Neither does a sign-in that a
 * running server waits for: it began with what it said before, and its session becomes that account's.
 */
export class DefinitionVersions {
  readonly #told = new Map<ServerId, Told>();

  /**
   * @param account - that `id` uses now
   * @param isInUse - whether a client of `id` works with it although nobody is signed in
   */
  of(id: ServerId, account: Account | undefined, isInUse: () => boolean): string {
    const name = account && JSON.stringify([account.issuer, account.subject]);
    const before = this.#told.get(id);
    if (before !== undefined && before.account === name) return before.version;
    const { takenOver = 0 } = before ?? {};
    const isTakenOver = before !== undefined && before.account === undefined && isInUse();
    const told = isTakenOver
      ? { account: name, version: before.version, takenOver: takenOver + 1 }
      : { account: name, version: name ?? signedOut(takenOver), takenOver };
    this.#told.set(id, told);
    return told.version;
  }
}

/** One that an account goes under now cannot say any more that there is none. */
const signedOut = (takenOver: number): string => (takenOver === 0 ? 'signed-out' : `signed-out ${takenOver}`);
