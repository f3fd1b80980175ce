import type { Broker } from '../../broker/broker.js';
import type { SignOutExtent, SignOutResult } from '../../broker/sign-in/sign-outs.js';
import type { Account } from '../../core/account.js';
import { isBorrowedLogin, type Grant } from '../../core/grant.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { iconless } from '../editor/iconless.js';
import { choose, type Choice } from '../editor/menu.js';
import { unlinked } from '../editor/unlinked.js';
import { showFailure, type FailureParts } from './failure-notice.js';
import type { GoogleClients } from './google-clients.js';

export interface SignOutParts extends FailureParts {
  readonly broker: Broker;
  readonly googleClients: GoogleClients;
}

/** How the user signs out of a server's account. It tells how that ended, and never throws. */
export class SignOutActions {
  constructor(private readonly parts: SignOutParts) {}

  /** Signs out; where an account has one grant for all its servers, the user says how far it goes. */
  async signOut(id: ServerId): Promise<void> {
    const { broker, googleClients } = this.parts;
    const account = broker.account(id);
    const grant = this.#grantOf(id);
    // The login is another program's, so only the use that is made of it here can end.
    if (isBorrowedLogin(grant)) return this.#signOut(id, 'server');
    const isForAll = account !== undefined && googleClients.isOwn(account) && grant === undefined;
    return isForAll ? this.#askHowFar(id, account) : this.#signOut(id, 'grant');
  }

  async #askHowFar(id: ServerId, { label }: Account): Promise<void> {
    const { vs } = this.parts;
    const others = await this.#othersOf(id);
    const extents = others.length === 0 ? this.#extents(id) : this.#extentsBeside(id, others);
    await choose(vs, vs.l10n.t('Sign {0} out of “{1}”', label, id), vs.l10n.t('How far?'), extents);
  }

  /** How far it can go where nobody else uses the sign-in. */
  #extents(id: ServerId): readonly Choice[] {
    const { l10n } = this.parts.vs;
    return [
      {
        label: l10n.t('$(sign-out) Sign Out Here'),
        detail: l10n.t('This editor forgets the account. What it was granted at Google stays.'),
        run: () => this.#signOut(id, 'server'),
      },
      {
        label: l10n.t('$(trash) Sign Out and Revoke at Google'),
        detail: l10n.t('Ends all that your client was granted for this account, on other computers too.'),
        run: () => this.#signOut(id, 'grant'),
      },
    ];
  }

  /** How far it can go where `others` use the sign-in as well. */
  #extentsBeside(id: ServerId, others: readonly string[]): readonly Choice[] {
    const { l10n } = this.parts.vs;
    const together = iconless(others.join(', '));
    return [
      {
        label: l10n.t('$(sign-out) Sign Out Here'),
        detail: l10n.t('Only “{0}” stops using it. These go on: {1}.', id, together),
        run: () => this.#signOut(id, 'server'),
      },
      {
        label: l10n.t('$(sign-out) Sign Out Everywhere in This Editor'),
        detail: l10n.t(
          'This editor forgets the account. What it was granted at Google stays. These lose it with “{0}”: {1}.',
          id,
          together,
        ),
        run: () => this.#signOut(id, 'account'),
      },
      {
        label: l10n.t('$(trash) Sign Out and Revoke at Google'),
        detail: l10n.t(
          'Ends all that your client was granted for this account, on other computers too. These lose it with “{0}”: {1}.',
          id,
          together,
        ),
        run: () => this.#signOut(id, 'grant'),
      },
    ];
  }

  async #signOut(id: ServerId, extent: SignOutExtent): Promise<void> {
    const { vs, broker } = this.parts;
    const account = broker.account(id)?.label ?? '';
    const others = await this.#othersOf(id);
    const hasGrant = this.#grantOf(id) !== undefined;
    try {
      const result = await broker.signOut(id, extent);
      if (result === 'was-signed-out') return;
      const text = signedOutText(vs.l10n, { id, account, others, hasGrant }, result);
      void vs.window.showInformationMessage(unlinked(text));
    } catch (error) {
      await showFailure(this.parts, id, error);
    }
  }

  /** Who else uses the credential of `id`: servers of this workspace, and those of others, as they are shown. */
  async #othersOf(id: ServerId): Promise<readonly string[]> {
    const { vs, broker } = this.parts;
    const here = broker.usedWith(id).map((other) => `“${other}”`);
    return (await broker.isUsedElsewhere(id)) ? [...here, vs.l10n.t('servers of other workspaces')] : here;
  }

  #grantOf(id: ServerId): Grant | undefined {
    return this.parts.broker.servers().find((server) => server.id === id)?.auth.grant;
  }
}

/** Who was signed out of what. */
interface SignedOut {
  readonly id: ServerId;
  readonly account: string;
  /** Who else used the sign-in, as they are shown. */
  readonly others: readonly string[];
  /** Whether the server has a grant that needs no user: what proves it was given to it, and stays. */
  readonly hasGrant: boolean;
}

/** How a sign-out has ended. */
function signedOutText(
  l10n: VSCode['l10n'],
  signedOut: SignedOut,
  result: Exclude<SignOutResult, 'was-signed-out'>,
): string {
  const { id, account, hasGrant } = signedOut;
  switch (result) {
    case 'revoked':
      return l10n.t(
        'Signed out {0} of “{1}”. The access was revoked at the authorization server.',
        account,
        id,
      );
    case 'forgotten':
      return l10n.t(
        'Signed out {0} of “{1}” on this computer. The authorization server could not be told; remove the access in your account there if you want it gone at once.',
        account,
        id,
      );
    default:
      return hasGrant
        ? l10n.t(
            'Signed out {0} of “{1}”. The credentials that it was given are kept where they are.',
            account,
            id,
          )
        : keptText(l10n, signedOut, result);
  }
}

/** What is left after a sign-out that has told the authorization server nothing. */
function keptText(
  l10n: VSCode['l10n'],
  { id, account, others }: SignedOut,
  result: 'left' | 'superseded' | 'kept',
): string {
  switch (result) {
    case 'superseded':
      return l10n.t(
        'Signed out {0} of “{1}”. Somebody has signed in again in another window meanwhile; that sign-in is kept, and nothing was revoked.',
        account,
        id,
      );
    case 'left':
      return l10n.t(
        'Signed out {0} of “{1}”. The sign-in is kept for {2}, and nothing was revoked.',
        account,
        id,
        // Somebody may have begun to use it since it was looked who does.
        others.length === 0 ? l10n.t('other servers') : others.join(', '),
      );
    case 'kept':
      return l10n.t(
        'Signed out {0} of “{1}”; this editor has forgotten the sign-in. What was granted at Google is kept: to end it, remove the access in your Google Account.',
        account,
        id,
      );
  }
}
