import * as v from 'valibot';
import type { Account } from '../core/account.js';
import type { Log, Memento } from '../core/ports.js';
import { Remembered } from './remembered.js';

/** The origins to which the user lets tokens of an account go that name no audience. Notes in globalState, no secrets. */
export class AllowedOrigins {
  readonly #remembered: Remembered<object>;

  constructor(memento: Memento, log: Log) {
    this.#remembered = new Remembered(memento, 'origin:', v.strictObject({}), log);
  }

  of(account: Account): readonly string[] {
    return this.#remembered.entries().flatMap(([name]) => {
      const [issuer, subject, origin] = JSON.parse(name) as readonly string[];
      return issuer === account.issuer && subject === account.subject && origin !== undefined ? [origin] : [];
    });
  }

  async allow(account: Account, origin: string): Promise<void> {
    await this.#remembered.set(nameOf(account, origin), {});
  }
}

const nameOf = ({ issuer, subject }: Account, origin: string): string =>
  JSON.stringify([issuer, subject, origin]);
