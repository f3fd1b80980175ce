import type { Broker } from '../../broker/broker.js';
import type { Clock } from '../../core/ports.js';
import type { Server, ServerId } from '../../core/server.js';
import type { AccountActions } from '../accounts/account-actions.js';
import type { AddServer } from '../accounts/add-server.js';
import type { AllowedAddresses } from '../accounts/allowed-addresses.js';
import type { VSCode } from '../editor/api.js';
import type { ConfiguredServers } from '../settings/configured-servers.js';
import type { GoogleClients } from '../accounts/google-clients.js';
import { iconless } from '../editor/iconless.js';
import { choose, type Choice } from '../editor/menu.js';
import type { Storage } from '../../core/storage.js';
import { openSettings } from '../settings/open-settings.js';
import type { SettingsProblems } from '../settings/settings-problems.js';
import { healthText, setAsideText } from '../texts/storage-texts.js';
import { stateText } from '../texts/state-texts.js';
import type { SignOutActions } from '../accounts/sign-out-actions.js';
import type { Unlocking } from '../accounts/unlocking.js';

export interface StatusMenuParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly configured: ConfiguredServers;
  readonly problems: SettingsProblems;
  readonly actions: AccountActions;
  readonly signOuts: SignOutActions;
  readonly addServer: AddServer;
  readonly googleClients: GoogleClients;
  readonly allowed: AllowedAddresses;
  readonly storage: Storage;
  /** Why there is no proxy, in sentences; undefined while it starts, and when it listens. */
  readonly proxyFailure: () => string | undefined;
  readonly unlocking: Unlocking;
  readonly clock: Clock;
  readonly showLog: () => void;
  readonly showAuditTrail: () => Promise<void>;
  readonly showDiagnostics: () => Promise<void>;
}

/** Every server with its account and state, and what can be done about it. Behind the status bar item. */
export class StatusMenu {
  constructor(private readonly parts: StatusMenuParts) {}

  async show(): Promise<void> {
    const { vs, broker, addServer, googleClients, allowed } = this.parts;
    const { l10n } = vs;
    const servers = broker.servers().map((server) => this.choiceFor(server, () => this.#showServer(server)));
    const add = { label: l10n.t('$(add) Add Server…'), run: () => addServer.run() };
    const clients = { label: l10n.t('$(key) Google Clients…'), run: () => googleClients.add() };
    const hasNone = servers.length === 0;
    const prompt = hasNone
      ? l10n.t('No MCP server is set up yet')
      : l10n.t('Choose a server to sign in, renew or sign out');
    await choose(vs, l10n.t('MCP Credentials'), prompt, [
      ...(hasNone ? [add] : servers),
      ...this.#proposedChoices(),
      ...this.#mistakeChoices(),
      { label: '', kind: vs.QuickPickItemKind.Separator },
      ...(hasNone ? [] : [add]),
      ...(googleClients.all.length === 0 ? [] : [clients]),
      ...allowed.choices(),
      ...this.#proxyChoices(),
      ...this.#storageChoices(),
      ...this.#lookupChoices(),
    ]);
  }

  /** A server as a line in a menu. */
  choiceFor({ id, url }: Server, run: () => unknown): Choice {
    const { ThemeIcon } = this.parts.vs;
    return {
      label: iconless(id),
      iconPath: new ThemeIcon('server'),
      description: iconless(this.#accountAndState(id)),
      detail: iconless(url),
      run,
    };
  }

  /** The servers of the workspace that the user has not answered, or not allowed. */
  #proposedChoices(): Choice[] {
    const { vs, configured } = this.parts;
    const { l10n } = vs;
    const unanswered = configured.unanswered.map((server) => ({
      label: `$(question) ${iconless(server.id)}`,
      description: l10n.t('the workspace proposes it; choose to answer'),
      detail: iconless(server.url),
      run: () => configured.askAbout(server),
    }));
    const denied = configured.answered
      .filter(({ isAllowed }) => !isAllowed)
      .map(({ server }) => ({
        label: `$(circle-slash) ${iconless(server.id)}`,
        description: l10n.t('not allowed; choose to answer anew'),
        detail: iconless(server.url),
        run: () => configured.askAbout(server),
      }));
    return [...unanswered, ...denied];
  }

  #mistakeChoices(): Choice[] {
    const { vs, problems } = this.parts;
    return problems.all.map(({ place, label, message }) => ({
      label: `$(error) ${iconless(label ?? place)}`,
      description: iconless(message),
      run: () => openSettings(vs, place),
    }));
  }

  /** Where to look something up. */
  #lookupChoices(): Choice[] {
    const { vs, showLog, showAuditTrail, showDiagnostics } = this.parts;
    const { l10n } = vs;
    return [
      { label: l10n.t('$(gear) Open Settings'), run: () => openSettings(vs) },
      { label: l10n.t('$(output) Show Log'), run: showLog },
      { label: l10n.t('$(history) Show Audit Trail'), run: showAuditTrail },
      { label: l10n.t('$(pulse) Show Diagnostics'), run: showDiagnostics },
    ];
  }

  /** That there is no proxy, and what can be done about it. */
  #proxyChoices(): Choice[] {
    const { vs, proxyFailure } = this.parts;
    const failure = proxyFailure();
    if (failure === undefined) return [];
    return [
      {
        label: vs.l10n.t('$(warning) The Proxy Could Not Start'),
        detail: iconless(failure),
        run: () => openSettings(vs, 'mcpCredentials.proxy.transport'),
      },
    ];
  }

  /** What can be done about storage, and how it is. */
  #storageChoices(): Choice[] {
    const { vs, storage, unlocking, clock, showLog } = this.parts;
    const { l10n } = vs;
    const { health } = storage;
    const unlock = { label: l10n.t('$(lock) Unlock…'), run: () => unlocking.unlock() };
    const setAside = {
      label: `$(warning) ${setAsideText(l10n, health.setAside)}`,
      description: l10n.t(
        'each start tries to read what was set aside; sign in again where you are asked to',
      ),
      run: showLog,
    };
    const anew = {
      label: l10n.t('$(trash) Begin Without What Was Stored…'),
      description: l10n.t('you sign in again everywhere; no file is deleted'),
      run: () => this.#startAnew(),
    };
    return [
      ...(storage.isLocked ? [unlock] : []),
      {
        label: `$(database) ${healthText(l10n, health, clock.nowMs())}`,
        run: () => openSettings(vs, 'mcpCredentials.storage.backend'),
      },
      ...(health.setAside > 0 ? [setAside] : []),
      ...(storage.canStartAnew ? [anew] : []),
    ];
  }

  async #startAnew(): Promise<void> {
    const { vs, storage } = this.parts;
    const { l10n, window, commands } = vs;
    const begin = l10n.t('Begin Anew');
    const text = l10n.t(
      'The stored MCP credentials cannot be used then, and you sign in again everywhere. Encrypted files are renamed and stay. The window is reloaded.',
    );
    if ((await window.showWarningMessage(text, begin)) !== begin) return;
    await storage.startAnew();
    await commands.executeCommand('workbench.action.reloadWindow');
  }

  async #showServer({ id }: Server): Promise<void> {
    const { vs, broker, configured, actions, signOuts, allowed, unlocking } = this.parts;
    const { l10n } = vs;
    const signIn = { label: l10n.t('$(sign-in) Sign In…'), run: () => actions.chooseAccount(id) };
    const signOut = { label: l10n.t('$(sign-out) Sign Out'), run: () => signOuts.signOut(id) };
    const refresh = { label: l10n.t('$(refresh) Refresh Now'), run: () => actions.refreshNow(id) };
    const cancel = { label: l10n.t('$(close) Cancel Sign-In'), run: () => broker.cancelSignIn(id) };
    const choices: Choice[] = {
      'signed-out': [signIn],
      locked: [{ label: l10n.t('$(lock) Unlock…'), run: () => unlocking.unlock() }],
      'signing-in': [cancel, signIn],
      'needs-sign-in': [signIn, signOut],
      ready: [refresh, signIn, signOut],
      refreshing: [refresh, signIn, signOut],
      retrying: [refresh, signIn, signOut],
    }[broker.state(id).kind];
    const proposed = configured.answered.find(({ server }) => server.id === id)?.server;
    const answer = proposed && {
      label: l10n.t('$(shield) Answer the Workspace Anew…'),
      run: () => configured.askAbout(proposed),
    };
    const account = broker.account(id);
    await choose(vs, id, this.#accountAndState(id), [
      ...choices,
      ...(account === undefined ? [] : allowed.choices(account)),
      ...(answer ? [answer] : []),
    ]);
  }

  #accountAndState(id: ServerId): string {
    const { vs, broker, clock } = this.parts;
    const account = broker.account(id)?.label;
    const state = stateText(vs.l10n, broker.state(id), clock.nowMs());
    return account === undefined ? state : `${account} – ${state}`;
  }
}
