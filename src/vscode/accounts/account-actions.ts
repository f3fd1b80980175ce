import type { Broker } from '../../broker/broker.js';
import type { SignInWay, SignInWho } from '../../broker/sign-in/sign-in.js';
import type { SignOutExtent } from '../../broker/sign-in/sign-outs.js';
import type { Account } from '../../core/account.js';
import { describeError, hasCode } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import type { Storage } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';
import type { GoogleClients } from './google-clients.js';
import { flash } from '../editor/flash.js';
import { iconless } from '../editor/iconless.js';
import { choose, type Choice } from '../editor/menu.js';
import type { SignInHelp } from '../sign-in/sign-in-help.js';
import { failureText } from '../texts/failure-texts.js';
import { durationText } from '../texts/state-texts.js';
import { unlinked } from '../editor/unlinked.js';
import type { Unlocking } from './unlocking.js';

export interface ActionParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly storage: Pick<Storage, 'health'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly help: SignInHelp;
  readonly unlocking: Unlocking;
  readonly googleClients: GoogleClients;
  readonly showLog: () => void;
}

/** What the user can do with a server's account. Each tells how it ended, and none throws. */
export class AccountActions {
  constructor(private readonly parts: ActionParts) {}

  /** Signs in; says nothing when the user gave it up, here or in the browser. */
  async signIn(id: ServerId, who: SignInWho, way: SignInWay = 'browser'): Promise<void> {
    const { vs, broker, log, help, unlocking, googleClients } = this.parts;
    const helping = way === 'browser' ? help.watch(id, () => this.signIn(id, who, 'code')) : undefined;
    try {
      await broker.signIn(id, who, way).finally(() => helping?.dispose());
      // A tab in the browser says so, too, where there is one that is ours.
      flash(vs, this.#signedInText(id));
    } catch (error) {
      if (isGivenUp(error)) {
        log.info(`The sign-in for ${JSON.stringify(id)} was given up.`);
        return;
      }
      if (hasCode(error, 'storage_locked')) {
        if (await unlocking.unlock()) await this.signIn(id, who, way);
        return;
      }
      const addClient = vs.l10n.t('Add Google Client…');
      if (hasCode(error, 'client_rule_missing')) {
        const isToAdd = (await this.#showFailure(id, error, addClient)) === addClient;
        if (isToAdd && (await googleClients.add())) await this.signIn(id, who, way);
        return;
      }
      const again = vs.l10n.t('Try Again');
      if ((await this.#showFailure(id, error, again)) === again) await this.signIn(id, who, way);
    }
  }

  #signedInText(id: ServerId): string {
    const { vs, broker } = this.parts;
    const state = broker.state(id);
    const missing = 'missingScopes' in state ? (state.missingScopes ?? []) : [];
    return missing.length === 0
      ? vs.l10n.t('You are signed in for “{0}”.', id)
      : vs.l10n.t('You are signed in for “{0}”. Not granted: {1}.', id, missing.join(', '));
  }

  /**
   * Signs in; with an account already there, the user says whether it is the same person again, and with several that
   * fit, which one it is to be. Choosing one of those needs no browser.
   */
  async chooseAccount(id: ServerId): Promise<void> {
    const { vs, broker } = this.parts;
    const { l10n } = vs;
    const candidates = broker.candidates(id);
    if (candidates.length > 0) return this.#chooseAmong(id, candidates);
    const account = broker.account(id);
    const isPinned = broker.servers().find((server) => server.id === id)?.auth.account !== undefined;
    const others = broker.otherAccounts(id);
    // A single one is found by the sign-in itself.
    if (account === undefined && others.length > 1) return this.#chooseAmong(id, others);
    if (account === undefined || isPinned) return this.signIn(id, 'any');
    await choose(vs, l10n.t('Sign in for “{0}”', id), l10n.t('Which account?'), [
      {
        label: l10n.t('$(account) Again as {0}', iconless(account.label)),
        run: () => this.signIn(id, 'same'),
      },
      ...this.#choicesFor(id, others),
      { label: l10n.t('$(person-add) With Another Account…'), run: () => this.signIn(id, 'another') },
    ]);
  }

  /** Those that have signed in already, and need no browser. */
  #choicesFor(id: ServerId, accounts: readonly Account[]): readonly Choice[] {
    return accounts.map((account) => ({
      label: `$(account) ${iconless(account.label)}`,
      description: addressOf(account, accounts),
      run: () => this.#use(id, account),
    }));
  }

  async #chooseAmong(id: ServerId, candidates: readonly Account[]): Promise<void> {
    const { vs } = this.parts;
    const { l10n } = vs;
    await choose(vs, l10n.t('Account for “{0}”', id), l10n.t('Which account?'), [
      ...this.#choicesFor(id, candidates),
      { label: '', kind: vs.QuickPickItemKind.Separator },
      { label: l10n.t('$(person-add) Sign In with Another Account…'), run: () => this.signIn(id, 'another') },
    ]);
  }

  async #use(id: ServerId, account: Account): Promise<void> {
    const { broker } = this.parts;
    try {
      await broker.useAccount(id, account);
    } catch (error) {
      if (isGivenUp(error)) return;
      await this.#showFailure(id, error);
      return;
    }
    // The user wants this account, so whatever it needs comes next.
    if (broker.state(id).kind === 'needs-sign-in') await this.signIn(id, 'same');
  }

  /** Signs out; where an account has one grant for all its servers, the user says how far it goes. */
  async signOut(id: ServerId): Promise<void> {
    const { vs, broker, googleClients } = this.parts;
    const { l10n } = vs;
    const account = broker.account(id);
    const grant = broker.servers().find((server) => server.id === id)?.auth.grant;
    // The login is another program's, so only the use that is made of it here can end.
    if (grant?.kind === 'google') return this.#signOut(id, 'server');
    const isForAll = account !== undefined && googleClients.isOwn(account) && grant === undefined;
    if (!isForAll) return this.#signOut(id, 'grant');
    const others = await this.#othersOf(id);
    const isShared = others.length > 0;
    const together = iconless(others.join(', '));
    await choose(vs, l10n.t('Sign {0} out of “{1}”', account.label, id), l10n.t('How far?'), [
      {
        label: l10n.t('$(sign-out) Sign Out Here'),
        detail: isShared
          ? l10n.t('Only “{0}” stops using it. These go on: {1}.', id, together)
          : l10n.t('This editor forgets the account. What it was granted at Google stays.'),
        run: () => this.#signOut(id, 'server'),
      },
      ...(isShared
        ? [
            {
              label: l10n.t('$(sign-out) Sign Out Everywhere in This Editor'),
              detail: l10n.t(
                'This editor forgets the account. What it was granted at Google stays. These lose it with “{0}”: {1}.',
                id,
                together,
              ),
              run: () => this.#signOut(id, 'account'),
            },
          ]
        : []),
      {
        label: l10n.t('$(trash) Sign Out and Revoke at Google'),
        detail: isShared
          ? l10n.t(
              'Ends all that your client was granted for this account, on other computers too. These lose it with “{0}”: {1}.',
              id,
              together,
            )
          : l10n.t('Ends all that your client was granted for this account, on other computers too.'),
        run: () => this.#signOut(id, 'grant'),
      },
    ]);
  }

  /** Who else uses the credential of `id`: servers of this workspace, and those of others, as they are shown. */
  async #othersOf(id: ServerId): Promise<readonly string[]> {
    const { vs, broker } = this.parts;
    const here = broker.usedWith(id).map((other) => `“${other}”`);
    return (await broker.isUsedElsewhere(id)) ? [...here, vs.l10n.t('servers of other workspaces')] : here;
  }

  async #signOut(id: ServerId, extent: SignOutExtent): Promise<void> {
    const { vs, broker } = this.parts;
    const { l10n } = vs;
    const account = broker.account(id)?.label ?? '';
    const others = await this.#othersOf(id);
    const isFromFile = broker.servers().find((server) => server.id === id)?.auth.grant !== undefined;
    try {
      const result = await broker.signOut(id, extent);
      if (result === 'was-signed-out') return;
      const text =
        result === 'revoked'
          ? l10n.t(
              'Signed out {0} of “{1}”. The access was revoked at the authorization server.',
              account,
              id,
            )
          : result === 'forgotten'
            ? l10n.t(
                'Signed out {0} of “{1}” on this computer. The authorization server could not be told; remove the access in your account there if you want it gone at once.',
                account,
                id,
              )
            : isFromFile
              ? l10n.t(
                  'Signed out {0} of “{1}”. The credentials that it was given are kept where they are.',
                  account,
                  id,
                )
              : keptText(l10n, account, id, result, others);
      void vs.window.showInformationMessage(unlinked(text));
    } catch (error) {
      await this.#showFailure(id, error);
    }
  }

  async refreshNow(id: ServerId): Promise<void> {
    const { vs, broker, clock } = this.parts;
    const { l10n } = vs;
    try {
      await broker.refreshNow(id);
    } catch (error) {
      const signIn = l10n.t('Sign In');
      const buttons = hasCode(error, 'grant_refused', 'sign_in_required') ? [signIn] : [];
      if ((await this.#showFailure(id, error, ...buttons)) === signIn) await this.signIn(id, 'same');
      return;
    }
    const state = broker.state(id);
    const expiresAtMs = 'expiresAtMs' in state ? state.expiresAtMs : undefined;
    const text =
      expiresAtMs === undefined
        ? l10n.t('The token for “{0}” is new.', id)
        : l10n.t(
            'The token for “{0}” is new. It lasts {1} and renews itself.',
            id,
            durationText(l10n, expiresAtMs - clock.nowMs()),
          );
    flash(vs, text);
  }

  /** @returns the button that was chosen, if it is not ours */
  async #showFailure(id: ServerId, error: unknown, ...buttons: string[]): Promise<string | undefined> {
    const { vs, storage, clock, log, showLog } = this.parts;
    log.error(`${JSON.stringify(id)}: ${describeError(error)}`);
    const logButton = vs.l10n.t('Show Log');
    const text = failureText(vs.l10n, error, id, clock.nowMs(), storage.health);
    // An error with buttons stays until it is closed, beside the sign-ins that come after it.
    const show = hasCode(error, 'wrong_account') ? vs.window.showWarningMessage : vs.window.showErrorMessage;
    const choice = await show(unlinked(text), ...buttons, logButton);
    if (choice === logButton) showLog();
    return choice;
  }
}

/** Where `account` signs in; and its subject, when another one there has the same label. */
function addressOf({ issuer, subject, label }: Account, all: readonly Account[]): string {
  const alike = all.filter((other) => other.issuer === issuer && other.label === label);
  const host = URL.canParse(issuer) ? new URL(issuer).host : issuer;
  return iconless(alike.length > 1 ? `${host} · ${subject}` : host);
}

/** What is left after a sign-out that has told the authorization server nothing. */
function keptText(
  l10n: VSCode['l10n'],
  account: string,
  id: ServerId,
  result: 'left' | 'superseded' | 'kept',
  others: readonly string[],
): string {
  if (result === 'superseded')
    return l10n.t(
      'Signed out {0} of “{1}”. Somebody has signed in again in another window meanwhile; that sign-in is kept, and nothing was revoked.',
      account,
      id,
    );
  if (result === 'left')
    return l10n.t(
      'Signed out {0} of “{1}”. The sign-in is kept for {2}, and nothing was revoked.',
      account,
      id,
      // Somebody may have begun to use it since it was looked who does.
      others.length === 0 ? l10n.t('other servers') : others.join(', '),
    );
  return l10n.t(
    'Signed out {0} of “{1}”; this editor has forgotten the sign-in. What was granted at Google is kept: to end it, remove the access in your Google Account.',
    account,
    id,
  );
}

/** The browser's tab has said so already, and whoever pressed Cancel knows; credentials in a file have no browser. */
const isGivenUp = (error: unknown): boolean =>
  hasCode(error, 'sign_in_cancelled') ||
  (hasCode(error, 'authorization_denied') &&
    error.details['error'] === 'access_denied' &&
    error.details['source'] !== 'file');
