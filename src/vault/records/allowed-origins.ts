import * as v from 'valibot';
import type { Account } from '../../core/account.js';
import type { Log, Memento } from '../../core/ports.js';
import { Remembered } from './remembered.js';

const allowedSchema = v.strictObject({
  issuer: v.string(),
  subject: v.string(),
  origin: v.string(),
  /** What the user was told that the tokens allow. */
  scopes: v.array(v.string()),
});

export type AllowedOrigin = v.InferOutput<typeof allowedSchema>;

/**
 * The origins to which the user lets tokens of an account go that name no audience. Notes in globalState, no secrets.
 * A place of another kind, such as a command that the user has allowed, gets a prefix and a schema of its own beside
 * this one: what is stored here then stays as it is, and a window of an earlier version takes no such place for an
 * origin and does not set it aside as damaged.
 */
export class AllowedOrigins {
  readonly #remembered: Remembered<AllowedOrigin>;

  constructor(memento: Memento, log: Log) {
    this.#remembered = new Remembered(memento, 'origin:', allowedSchema, log);
  }

  of(account: Pick<Account, 'issuer' | 'subject'>): readonly AllowedOrigin[] {
    return this.all().filter(
      ({ issuer, subject }) => issuer === account.issuer && subject === account.subject,
    );
  }

  /** All of them, of accounts that are known by their subject alone. */
  all(): readonly AllowedOrigin[] {
    return this.#remembered.entries().map(([, allowed]) => allowed);
  }

  /** Takes back what was allowed. */
  async withdraw({ issuer, subject, origin }: Omit<AllowedOrigin, 'scopes'>): Promise<void> {
    await this.#remembered.delete(JSON.stringify([issuer, subject, origin]));
  }

  /** Takes back everything that was allowed for an account. */
  async forget(account: Pick<Account, 'issuer' | 'subject'>): Promise<void> {
    for (const allowed of this.of(account)) await this.withdraw(allowed);
  }

  /** @param scopes - what the tokens allow at most; for more the user is asked anew */
  async allow({ issuer, subject }: Account, origin: string, scopes: readonly string[]): Promise<void> {
    const allowed = { issuer, subject, origin, scopes: [...scopes] };
    await this.#remembered.set(JSON.stringify([issuer, subject, origin]), allowed);
  }
}
