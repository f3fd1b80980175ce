import type { Account } from '../../core/account.js';
import type { AllowedOrigin, AllowedOrigins } from '../../vault/records/allowed-origins.js';
import type { CredentialVault } from '../../vault/credentials.js';

/** An origin to which the user lets tokens of an account go. */
export interface Allowance {
  readonly account: Account;
  readonly origin: string;
}

export interface PermissionsParts {
  readonly allowedOrigins: AllowedOrigins;
  readonly vault: CredentialVault;
  /** Called when something was taken back: servers may have lost who they used. */
  readonly withdrawn: () => Promise<void>;
}

/** What the user has allowed about tokens that name no audience, to be looked at and taken back. */
export class Permissions {
  constructor(private readonly parts: PermissionsParts) {}

  /** Where tokens may go beside the servers of their issuer. An account that is not here any more has no better name. */
  all(): readonly Allowance[] {
    const { allowedOrigins, vault } = this.parts;
    const accounts = vault.list().map(({ account }) => account);
    const named = ({ issuer, subject }: AllowedOrigin): Account =>
      accounts.find((one) => one.issuer === issuer && one.subject === subject) ?? {
        issuer,
        subject,
        label: subject,
      };
    return allowedOrigins.all().map((allowed) => ({ account: named(allowed), origin: allowed.origin }));
  }

  /** Takes `allowance` back: from now on nothing of the account goes there, until the user allows it anew. */
  async withdraw({ account: { issuer, subject }, origin }: Allowance): Promise<void> {
    await this.parts.allowedOrigins.withdraw({ issuer, subject, origin });
    await this.parts.withdrawn();
  }
}
