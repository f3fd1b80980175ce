import type { Account } from '../core/account.js';
import { BrokerError } from '../core/errors.js';
import type { Questions } from '../core/questions.js';
import type { Server } from '../core/server.js';
import type { AllowedOrigins } from '../vault/allowed-origins.js';
import type { Issuers } from './issuers.js';
import type { Reaches } from './reaches.js';

export interface PermissionParts {
  readonly issuers: Issuers;
  readonly reaches: Reaches;
  readonly allowedOrigins: AllowedOrigins;
}

/**
 * The user's word that tokens of an issuer, which name no audience, may go to where `server` is. Asked for once, as early
 * as it can be, and kept for the account that the tokens turn out to speak for.
 */
export class Permission {
  #isGiven = false;

  /** @param scopes - that the tokens will have */
  constructor(
    private readonly parts: PermissionParts,
    private readonly server: Server,
    private readonly questions: Questions,
    private readonly issuer: string,
    private readonly scopes: readonly string[],
  ) {}

  /**
   * Asks before anybody is sent to a browser, unless an account that may come back has the permission.
   * @param name - the only account that may come back; undefined for anybody
   * @param known - those that may, as far as they are known
   * @throws BrokerError `origin_not_allowed`
   */
  async ask(name: string | undefined, known: readonly Account[]): Promise<void> {
    const nobody = { issuer: this.issuer, subject: '', label: name ?? '' };
    if (![nobody, ...known].some((account) => this.#isThere(account))) await this.#ask(name);
  }

  /**
   * Keeps what was allowed for `account`; asks now when that was not said about it.
   * @throws BrokerError `origin_not_allowed`
   */
  async keepFor(account: Account): Promise<void> {
    if (this.#isThere(account)) return;
    if (!this.#isGiven) await this.#ask(account.label);
    await this.parts.allowedOrigins.allow(account, this.#origin);
  }

  get #origin(): string {
    return new URL(this.server.url).origin;
  }

  #isThere(account: Account): boolean {
    return this.parts.reaches.isWithin({ account, resource: this.issuer }, this.server.url);
  }

  async #ask(name: string | undefined): Promise<void> {
    const { server, questions, issuer, scopes } = this;
    const words = this.parts.issuers.scopeTexts(issuer, scopes);
    this.#isGiven = await questions.mayReceive(server.id, name, words, this.#origin);
    if (this.#isGiven) return;
    throw new BrokerError('origin_not_allowed', 'The user has not allowed it.', {
      details: { account: name ?? '', origin: this.#origin },
    });
  }
}
