import type { Allowance, Permissions } from '../../broker/servers/permissions.js';
import { sameAccount, type Account } from '../../core/account.js';
import type { VSCode } from '../editor/api.js';
import { iconless } from '../editor/iconless.js';
import { choose, type Choice } from '../editor/menu.js';
import { unlinked } from '../editor/unlinked.js';

/** To which addresses the user lets tokens go that could be used anywhere: shown, and taken back. */
export class AllowedAddresses {
  constructor(
    private readonly vs: VSCode,
    private readonly permissions: Permissions,
  ) {}

  /**
   * The line of a menu that leads here.
   * @param of - the account that the menu is about; all of them when missing
   * @returns nothing when nothing is allowed
   */
  choices(of?: Account): readonly Choice[] {
    const count = this.#allowed(of).length;
    if (count === 0) return [];
    const { l10n } = this.vs;
    return [
      {
        label: l10n.t('$(globe) Allowed Addresses…'),
        description: l10n.t('where tokens may go; choose to take it back'),
        run: () => this.#show(of),
      },
    ];
  }

  #allowed(of: Account | undefined): readonly Allowance[] {
    return this.permissions.all().filter(({ account }) => of === undefined || sameAccount(account, of));
  }

  async #show(of: Account | undefined): Promise<void> {
    const { l10n } = this.vs;
    const placeHolder = l10n.t('Choose one that is to get no more tokens');
    await choose(
      this.vs,
      l10n.t('Allowed addresses'),
      placeHolder,
      this.#allowed(of).map((allowance) => ({
        label: `$(globe) ${iconless(allowance.origin)}`,
        description: iconless(allowance.account.label),
        run: () => this.#withdraw(allowance),
      })),
    );
  }

  async #withdraw(allowance: Allowance): Promise<void> {
    const { l10n, window } = this.vs;
    await this.permissions.withdraw(allowance);
    const text = l10n.t(
      'Tokens of {0} are not sent to {1} any more. One that it has got already may be good for up to an hour; the next sign-in for a server there asks you anew.',
      allowance.account.label,
      allowance.origin,
    );
    void window.showInformationMessage(unlinked(text));
  }
}
