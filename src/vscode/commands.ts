import type { QuickPickItem } from 'vscode';
import type { Broker } from '../broker/broker.js';
import type { Disposable } from '../core/announcer.js';
import { describeError, hasCode } from '../core/errors.js';
import type { Clock, Log } from '../core/ports.js';
import type { Server, ServerId } from '../core/server.js';
import type { VSCode } from './api.js';
import type { ConfiguredServers } from './configured-servers.js';
import { durationText, failureText, stateText } from './texts.js';

export interface CommandParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly configured: ConfiguredServers;
  readonly clock: Clock;
  readonly log: Log;
  readonly showLog: () => void;
}

/** A line in a menu and what it does. */
type Choice = QuickPickItem & { readonly run?: () => unknown };

/** Everything that the user can ask for by name. */
export class Commands implements Disposable {
  readonly #registered: readonly Disposable[];

  constructor(private readonly parts: CommandParts) {
    const commands: Record<string, () => unknown> = {
      signIn: () =>
        this.#withServer(
          this.#l10n.t('Sign in for which server?'),
          () => true,
          (id) => this.#chooseAccount(id),
        ),
      signOut: () =>
        this.#withServer(
          this.#l10n.t('Sign out of which server?'),
          (id) => this.#hasAccount(id),
          (id) => this.#signOut(id),
        ),
      refreshNow: () =>
        this.#withServer(
          this.#l10n.t('Renew the token of which server?'),
          (id) => this.#isSignedIn(id),
          (id) => this.#refresh(id),
        ),
      showStatus: () => this.#showStatus(),
      showLog: parts.showLog,
    };
    this.#registered = Object.entries(commands).map(([name, run]) =>
      parts.vs.commands.registerCommand(`mcpCredentials.${name}`, run),
    );
  }

  dispose(): void {
    for (const registered of this.#registered) registered.dispose();
  }

  /** Signs in and tells the user how it ended, unless they gave it up themselves. */
  async signIn(id: ServerId, who: 'same' | 'any'): Promise<void> {
    const { vs, broker } = this.parts;
    try {
      await broker.signIn(id, who);
    } catch (error) {
      if (hasCode(error, 'sign_in_cancelled')) return;
      const again = vs.l10n.t('Try Again');
      if ((await this.#showFailure(id, error, again)) === again) await this.signIn(id, who);
    }
  }

  get #l10n(): VSCode['l10n'] {
    return this.parts.vs.l10n;
  }

  #hasAccount(id: ServerId): boolean {
    return this.parts.broker.account(id) !== undefined;
  }

  #isSignedIn(id: ServerId): boolean {
    return ['ready', 'refreshing', 'retrying'].includes(this.parts.broker.state(id).kind);
  }

  /** Runs `run` with the server that is meant: the only one that fits, else the one that is picked. */
  async #withServer(
    title: string,
    fits: (id: ServerId) => boolean,
    run: (id: ServerId) => Promise<void>,
  ): Promise<void> {
    const { broker } = this.parts;
    const servers = broker.servers();
    if (servers.length === 0) return this.#offerSettings();
    const fitting = servers.filter(({ id }) => fits(id));
    const [only] = fitting;
    if (only === undefined) {
      void this.parts.vs.window.showInformationMessage(
        this.#l10n.t('You are not signed in for any MCP server. Run “MCP Credentials: Sign In” first.'),
      );
      return;
    }
    if (fitting.length === 1) return run(only.id);
    await this.#choose(
      title,
      fitting.map((server) => this.#serverChoice(server, () => run(server.id))),
    );
  }

  #serverChoice({ id, url }: Server, run: () => unknown): Choice {
    const { broker, clock } = this.parts;
    const account = broker.account(id)?.label;
    const state = stateText(this.#l10n, broker.state(id), clock.nowMs());
    return {
      label: id,
      description: account === undefined ? state : `${account} – ${state}`,
      detail: url,
      run,
    };
  }

  /** With an account already there, the user says whether it is the same person again. */
  async #chooseAccount(id: ServerId): Promise<void> {
    const { broker } = this.parts;
    const account = broker.account(id);
    const isPinned = broker.servers().find((server) => server.id === id)?.auth.account !== undefined;
    if (account === undefined || isPinned) return this.signIn(id, 'any');
    await this.#choose(this.#l10n.t('Sign in for “{0}”', id), [
      { label: this.#l10n.t('$(account) Again as {0}', account.label), run: () => this.signIn(id, 'same') },
      { label: this.#l10n.t('$(person-add) With Another Account…'), run: () => this.signIn(id, 'any') },
    ]);
  }

  async #signOut(id: ServerId): Promise<void> {
    const { vs, broker } = this.parts;
    const account = broker.account(id)?.label ?? '';
    const result = await broker.signOut(id);
    if (result === 'was-signed-out') return;
    const text =
      result === 'revoked'
        ? this.#l10n.t(
            'Signed out {0} of “{1}”. The access was revoked at the authorization server.',
            account,
            id,
          )
        : this.#l10n.t(
            'Signed out {0} of “{1}” on this computer. The authorization server could not be told; remove the access in your account there if you want it gone at once.',
            account,
            id,
          );
    void vs.window.showInformationMessage(text);
  }

  async #refresh(id: ServerId): Promise<void> {
    const { vs, broker, clock } = this.parts;
    try {
      await broker.refreshNow(id);
    } catch (error) {
      const signIn = this.#l10n.t('Sign In');
      const buttons = hasCode(error, 'grant_refused', 'sign_in_required') ? [signIn] : [];
      if ((await this.#showFailure(id, error, ...buttons)) === signIn) await this.signIn(id, 'same');
      return;
    }
    const state = broker.state(id);
    const expiresAtMs = 'expiresAtMs' in state ? state.expiresAtMs : undefined;
    const text =
      expiresAtMs === undefined
        ? this.#l10n.t('The token for “{0}” is new.', id)
        : this.#l10n.t(
            'The token for “{0}” is new. It lasts {1} and renews itself.',
            id,
            durationText(this.#l10n, expiresAtMs - clock.nowMs()),
          );
    vs.window.setStatusBarMessage(text, 5_000);
  }

  async #showStatus(): Promise<void> {
    const { broker, configured, showLog } = this.parts;
    const { l10n } = this.parts.vs;
    const servers = broker
      .servers()
      .map((server) => this.#serverChoice(server, () => this.#showServer(server)));
    const unanswered = configured.unanswered.map(({ id, url }) => ({
      label: `$(question) ${id}`,
      description: l10n.t('the workspace proposes it; choose to answer'),
      detail: url,
      run: () => configured.askAboutProposed(true),
    }));
    const problems = configured.problems.map(({ label, message }) => ({
      label: `$(error) ${label}`,
      description: message,
      run: () => this.#openSettings(),
    }));
    await this.#choose(l10n.t('MCP Credentials'), [
      ...servers,
      ...unanswered,
      ...problems,
      { label: '', kind: this.parts.vs.QuickPickItemKind.Separator },
      { label: l10n.t('$(gear) Open Settings'), run: () => this.#openSettings() },
      { label: l10n.t('$(output) Show Log'), run: showLog },
    ]);
  }

  async #showServer(server: Server): Promise<void> {
    const { broker } = this.parts;
    const { id } = server;
    const choices: Choice[] = [
      ...(broker.state(id).kind === 'signing-in'
        ? [{ label: this.#l10n.t('$(close) Cancel Sign-In'), run: () => broker.cancelSignIn(id) }]
        : []),
      { label: this.#l10n.t('$(sign-in) Sign In…'), run: () => this.#chooseAccount(id) },
      ...(this.#isSignedIn(id)
        ? [{ label: this.#l10n.t('$(refresh) Refresh Now'), run: () => this.#refresh(id) }]
        : []),
      ...(this.#hasAccount(id)
        ? [{ label: this.#l10n.t('$(sign-out) Sign Out'), run: () => this.#signOut(id) }]
        : []),
    ];
    await this.#choose(id, choices);
  }

  async #choose(title: string, choices: readonly Choice[]): Promise<void> {
    const { vs, log } = this.parts;
    const choice = await vs.window.showQuickPick(choices, {
      title,
      placeHolder: title,
      matchOnDescription: true,
    });
    try {
      await choice?.run?.();
    } catch (error) {
      log.error(`A command failed: ${describeError(error)}`);
      throw error;
    }
  }

  async #offerSettings(): Promise<void> {
    const open = this.#l10n.t('Open Settings');
    const text = this.#l10n.t(
      'No MCP server is set up yet. Add one to the setting “mcpCredentials.servers”.',
    );
    if ((await this.parts.vs.window.showInformationMessage(text, open)) === open) await this.#openSettings();
  }

  async #openSettings(): Promise<void> {
    await this.parts.vs.commands.executeCommand('workbench.action.openSettings', 'mcpCredentials.servers');
  }

  /** @returns the button that was chosen, if it is not ours */
  async #showFailure(id: ServerId, error: unknown, ...buttons: string[]): Promise<string | undefined> {
    const { vs, clock, log, showLog } = this.parts;
    log.error(`${JSON.stringify(id)}: ${describeError(error)}`);
    const logButton = this.#l10n.t('Show Log');
    const text = failureText(this.#l10n, error, id, clock.nowMs());
    const choice = await vs.window.showErrorMessage(text, ...buttons, logButton);
    if (choice === logButton) showLog();
    return choice;
  }
}
