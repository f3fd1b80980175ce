import * as v from 'valibot';
import type { Account } from '../core/account.js';
import type { Log, Memento } from '../core/ports.js';
import { Remembered } from './remembered.js';

const allowedSchema = v.strictObject({ issuer: v.string(), subject: v.string(), origin: v.string() });

/** The origins to which the user lets tokens of an account go that name no audience. Notes in globalState, no secrets. */
export class AllowedOrigins {
  readonly #remembered: Remembered<v.InferOutput<typeof allowedSchema>>;

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

  async allow({ issuer, subject }: Account, origin: string): Promise<void> {
    await this.#remembered.set(JSON.stringify([issuer, subject, origin]), { issuer, subject, origin });
  }
}
