import type { Client } from '../../core/client.js';
import { ruleFor, type ClientRule, type Clientele } from '../../core/client-rule.js';
import { BrokerError } from '../../core/errors.js';
import type { Log, Memento } from '../../core/ports.js';
import { ClientRules } from '../../vault/records/client-rules.js';
import type { CredentialVault } from '../../vault/credentials.js';

export interface OwnClientsParts {
  readonly vault: CredentialVault;
  readonly memento: Memento;
  readonly log: Log;
  /** Called when a client or its rule has changed. */
  readonly changed: () => void;
}

/** A client that a rule has found, and the domain by which it did. */
export interface FoundClient {
  readonly client: Client;
  readonly domain?: string;
}

/**
 * The clients that the user has made at an issuer which registers none by itself, and for whom each of them is used.
 * Ids and secrets are in the vault, names in globalState.
 */
export class OwnClients {
  readonly #rules: ClientRules;

  constructor(private readonly parts: OwnClientsParts) {
    this.#rules = new ClientRules(parts.memento, parts.log);
  }

  /** @param issuer - compared character by character */
  list(issuer: string): readonly ClientRule[] {
    return this.#rules.list(issuer);
  }

  /**
   * Keeps `client` for those whom `who` names. The client that they had before is not used for them any more.
   * @throws whatever the secret storage fails of; then no rule names the client
   */
  async add(client: Client, who: Clientele): Promise<void> {
    const { issuer, clientId } = client;
    await this.parts.vault.putClient(client, true);
    const { emails, domains, isDefault } = who;
    await this.#rules.put({ issuer, clientId, emails, domains, isDefault });
    this.parts.changed();
    this.parts.log.info(`The client ${JSON.stringify(clientId)} is kept.`);
  }

  /**
   * Keeps `client` for one more person, beside those whom it is used for already.
   * @param email - in lower case
   * @throws whatever the secret storage fails of; then no rule has changed
   */
  async extend(client: Client, email: string): Promise<void> {
    const { vault } = this.parts;
    const { issuer, clientId } = client;
    const ruleNow = () => this.list(issuer).find((one) => one.clientId === clientId);
    // What is stored without a rule was typed in for a server whose settings name the same client.
    if (ruleNow() === undefined || (await vault.client(issuer, clientId)) === undefined)
      await vault.putClient(client, true);
    // Once more: somebody else may have been added meanwhile.
    const rule = ruleNow();
    const { emails, domains, isDefault } = rule ?? { emails: [], domains: [], isDefault: false };
    const who = { emails: [...new Set([...emails, email])], domains, isDefault };
    await this.assign({ issuer, clientId, ...who }, who);
  }

  /** Uses a client that is kept already for those whom `who` names, and for nobody else. */
  async assign({ issuer, clientId }: ClientRule, { emails, domains, isDefault }: Clientele): Promise<void> {
    await this.#rules.put({ issuer, clientId, emails, domains, isDefault });
    this.parts.changed();
  }

  /** Forgets a client. Sign-ins that were made with it carry it themselves, and go on. */
  async remove(rule: ClientRule): Promise<void> {
    const { vault } = this.parts;
    await this.#rules.delete(rule);
    const client = await vault.client(rule.issuer, rule.clientId);
    if (client !== undefined) await vault.forgetClient(client);
    this.parts.changed();
  }

  /**
   * The client for somebody.
   * @param who - an e-mail address; undefined while nobody knows who will sign in
   * @returns undefined when no client is kept for `issuer`
   * @throws BrokerError `client_rule_missing` when there are clients, and none of them is for `who`; or when the
   *   secret storage has lost it
   */
  async clientFor(issuer: string, who: string | undefined): Promise<FoundClient | undefined> {
    const rules = this.list(issuer);
    if (rules.length === 0) return undefined;
    const found = ruleFor(rules, who);
    if (found === undefined) throw noClientFor(issuer, who);
    const { rule, domain } = found;
    const client = await this.parts.vault.client(issuer, rule.clientId);
    if (client === undefined) throw noClientFor(issuer, who, rule.clientId);
    return { client, ...(domain !== undefined && { domain }) };
  }
}

/**
 * What a sign-in ends with where the user has to bring a client and has brought none that fits.
 * @param lost - the id of the client that would fit, and that the storage does not have any more
 */
export const noClientFor = (issuer: string, who: string | undefined, lost?: string): BrokerError =>
  new BrokerError('client_rule_missing', 'No client fits whoever is to sign in.', {
    details: {
      issuer,
      ...(who !== undefined && { who }),
      ...(lost !== undefined && { clientId: lost }),
    },
  });
