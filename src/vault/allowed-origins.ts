import * as v from 'valibot';
import type { Account } from '../core/account.js';
import type { Log, Memento } from '../core/ports.js';
import { Remembered } from './remembered.js';

const allowedSchema = v.strictObject({ issuer: v.string(), subject: v.string(), origin: v.string() });

export type AllowedOrigin = v.InferOutput<typeof allowedSchema>;

/** The origins to which the user lets tokens of an account go that name no audience. Notes in globalState, no secrets. */
export class AllowedOrigins {
  readonly #remembered: Remembered<AllowedOrigin>;

  constructor(memento: Memento, log: Log) {
    this.#remembered = new Remembered(memento, 'origin:', allowedSchema, log);
  }

  of({ issuer, subject }: Account): readonly string[] {
    return this.#remembered
      .entries()
      .map(([, allowed]) => allowed)
      .filter((allowed) => allowed.issuer === issuer && allowed.subject === subject)
      .map(({ origin }) => origin);
  }

  /** All of them, of accounts that are known by their subject alone. */
  all(): readonly AllowedOrigin[] {
    return this.#remembered.entries().map(([, allowed]) => allowed);
  }

  /** Takes back what was allowed. */
  async withdraw({ issuer, subject, origin }: AllowedOrigin): Promise<void> {
    await this.#remembered.delete(JSON.stringify([issuer, subject, origin]));
  }

  /** Takes back everything that was allowed for an account. */
  async forget(account: Pick<Account, 'issuer' | 'subject'>): Promise<void> {
    const its = this.all().filter(
      ({ issuer, subject }) => issuer === account.issuer && subject === account.subject,
    );
    for (const allowed of its) await this.withdraw(allowed);
  }

  async allow({ issuer, subject }: Account, origin: string): Promise<void> {
    await this.#remembered.set(JSON.stringify([issuer, subject, origin]), { issuer, subject, origin });
  }
}
