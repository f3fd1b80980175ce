import type { Account } from '../../core/account.js';
import { BrokerError } from '../../core/errors.js';
import type { Questions } from '../../core/questions.js';
import type { Server } from '../../core/server.js';
import type { AllowedOrigins } from '../../vault/records/allowed-origins.js';
import type { Issuers } from '../state/issuers.js';
import type { Reaches } from '../state/reaches.js';

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
  /** What the tokens allow about which the user has said yes. */
  #given: readonly string[] | undefined;

  /** @param scopes - that the tokens are going to have */
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
    const { scopes } = this;
    if (![nobody, ...known].some((account) => this.#isThere(account, scopes))) await this.#ask(name, scopes);
  }

  /**
   * Keeps what was allowed for `account`; asks now when that was not said about it, or about less.
   * @param scopes - that the tokens have
   * @throws BrokerError `origin_not_allowed`
   */
  async keepFor(account: Account, scopes: readonly string[]): Promise<void> {
    if (this.#isThere(account, scopes)) return;
    const { issuers, allowedOrigins } = this.parts;
    const given = this.#given;
    if (given === undefined || issuers.missingScopes(this.issuer, given, scopes).length > 0)
      await this.#ask(account.label, scopes);
    await allowedOrigins.allow(account, this.#origin, scopes);
  }

  get #origin(): string {
    return new URL(this.server.url).origin;
  }

  #isThere(account: Account, scopes: readonly string[]): boolean {
    return this.parts.reaches.isWithin({ account, resource: this.issuer, scopes }, this.server.url);
  }

  async #ask(name: string | undefined, scopes: readonly string[]): Promise<void> {
    const { server, questions, issuer } = this;
    const { quotaProject } = server.auth;
    const isAllowed = await questions.mayReceive({
      server: server.id,
      isProposed: server.isProposed === true,
      ...(name !== undefined && { account: name }),
      scopes: this.parts.issuers.scopeTexts(issuer, scopes),
      origin: this.#origin,
      ...(quotaProject !== undefined && { quotaProject }),
    });
    if (isAllowed) {
      this.#given = scopes;
      return;
    }
    throw new BrokerError('origin_not_allowed', 'The user has not allowed it.', {
      details: { account: name ?? '', origin: this.#origin },
    });
  }
}
