import * as v from 'valibot';
import { withRule, type ClientRule } from '../../core/client-rule.js';
import type { Log, Memento } from '../../core/ports.js';
import { registrationName } from './registration-records.js';
import { Remembered } from './remembered.js';

const ruleSchema = v.strictObject({
  issuer: v.string(),
  clientId: v.pipe(v.string(), v.minLength(1)),
  emails: v.array(v.string()),
  domains: v.array(v.string()),
  isDefault: v.boolean(),
});

/** For whom each of the user's own clients is used, in globalState: names, and no secrets. */
export class ClientRules {
  readonly #rules: Remembered<ClientRule>;

  constructor(memento: Memento, log: Log) {
    this.#rules = new Remembered<ClientRule>(memento, 'clientRule:', ruleSchema, log);
  }

  list(issuer: string): readonly ClientRule[] {
    return this.#rules
      .entries()
      .map(([, rule]) => rule)
      .filter((rule) => rule.issuer === issuer);
  }

  /** Adds or replaces the rule of a client; whomever it names, the others lose. */
  async put(rule: ClientRule): Promise<void> {
    const before = this.list(rule.issuer);
    const changed = withRule(before, rule).filter((next) => !before.includes(next));
    for (const next of changed) await this.#rules.set(nameOf(next), next);
  }

  async delete(rule: ClientRule): Promise<void> {
    await this.#rules.delete(nameOf(rule));
  }
}

const nameOf = ({ issuer, clientId }: ClientRule): string => registrationName(issuer, clientId);
