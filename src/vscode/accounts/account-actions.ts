import type { Broker } from '../../broker/broker.js';
import type { SignInWay, SignInWho } from '../../broker/sign-in/sign-in.js';
import type { Account } from '../../core/account.js';
import { hasCode } from '../../core/errors.js';
import type { ServerId } from '../../core/server.js';
import { showFailure, type FailureParts } from './failure-notice.js';
import type { GoogleClients } from './google-clients.js';
import { flash } from '../editor/flash.js';
import { iconless } from '../editor/iconless.js';
import { choose, type Choice } from '../editor/menu.js';
import type { SignInHelp } from '../sign-in/sign-in-help.js';
import { durationText } from '../texts/state-texts.js';
import type { Unlocking } from './unlocking.js';

export interface ActionParts extends FailureParts {
  readonly broker: Broker;
  readonly help: SignInHelp;
  readonly unlocking: Unlocking;
  readonly googleClients: GoogleClients;
}

/** What the user can do so that a server has a token: sign in, choose an account, renew. Each tells how it ended, and none throws. */
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
        const isToAdd = (await showFailure(this.parts, id, error, addClient)) === addClient;
        if (isToAdd && (await googleClients.add())) await this.signIn(id, who, way);
        return;
      }
      const again = vs.l10n.t('Try Again');
      if ((await showFailure(this.parts, id, error, again)) === again) await this.signIn(id, who, way);
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
      await showFailure(this.parts, id, error);
      return;
    }
    // The user wants this account, so whatever it needs comes next.
    if (broker.state(id).kind === 'needs-sign-in') await this.signIn(id, 'same');
  }

  async refreshNow(id: ServerId): Promise<void> {
    const { vs, broker, clock } = this.parts;
    const { l10n } = vs;
    try {
      await broker.refreshNow(id);
    } catch (error) {
      const signIn = l10n.t('Sign In');
      const buttons = hasCode(error, 'grant_refused', 'sign_in_required') ? [signIn] : [];
      if ((await showFailure(this.parts, id, error, ...buttons)) === signIn) await this.signIn(id, 'same');
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
}

/** Where `account` signs in; and its subject, when another one there has the same label. */
function addressOf({ issuer, subject, label }: Account, all: readonly Account[]): string {
  const alike = all.filter((other) => other.issuer === issuer && other.label === label);
  const host = URL.canParse(issuer) ? new URL(issuer).host : issuer;
  return iconless(alike.length > 1 ? `${host} · ${subject}` : host);
}

/** The browser's tab has said so already, and whoever pressed Cancel knows; credentials in a file have no browser. */
const isGivenUp = (error: unknown): boolean =>
  hasCode(error, 'sign_in_cancelled') ||
  (hasCode(error, 'authorization_denied') &&
    error.details['error'] === 'access_denied' &&
    error.details['source'] !== 'file');
