import type { Broker } from '../broker/broker.js';
import type { Disposable } from '../core/announcer.js';
import type { ServerId } from '../core/server.js';
import { isSignedIn } from '../core/state.js';
import type { AccountActions } from './accounts/account-actions.js';
import type { AddServer } from './accounts/add-server.js';
import type { VSCode } from './editor/api.js';
import type { GoogleClients } from './accounts/google-clients.js';
import type { ImportCredentials } from './accounts/import-credentials.js';
import type { SignOutActions } from './accounts/sign-out-actions.js';
import { choose } from './editor/menu.js';
import type { StatusMenu } from './attention/status-menu.js';

export interface CommandParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly actions: AccountActions;
  readonly signOuts: SignOutActions;
  readonly menu: StatusMenu;
  readonly addServer: AddServer;
  readonly googleClients: GoogleClients;
  readonly importCredentials: ImportCredentials;
  readonly showLog: () => void;
  readonly showAuditTrail: () => Promise<void>;
  readonly showDiagnostics: () => Promise<void>;
}

/** Everything that the user can ask for by name. */
export class Commands implements Disposable {
  readonly #registered: readonly Disposable[];

  constructor(private readonly parts: CommandParts) {
    const {
      vs,
      broker,
      actions,
      signOuts,
      menu,
      addServer,
      googleClients,
      importCredentials,
      showLog,
      showAuditTrail,
      showDiagnostics,
    } = parts;
    const { l10n } = vs;
    const hasAccount = (id: ServerId) => broker.account(id) !== undefined;
    const canRenew = (id: ServerId) => isSignedIn(broker.state(id));
    const commands: Record<string, () => unknown> = {
      addServer: () => addServer.run(),
      addGoogleClient: () => googleClients.add(),
      importCredentials: () => importCredentials.run(),
      signIn: () =>
        this.#withServer(
          l10n.t('Sign in for which server?'),
          () => true,
          (id) => actions.chooseAccount(id),
        ),
      signOut: () =>
        this.#withServer(l10n.t('Sign out of which server?'), hasAccount, (id) => signOuts.signOut(id)),
      refreshNow: () =>
        this.#withServer(l10n.t('Renew the token of which server?'), canRenew, (id) =>
          actions.refreshNow(id),
        ),
      showStatus: () => menu.show(),
      showLog,
      showAuditTrail,
      showDiagnostics,
    };
    this.#registered = Object.entries(commands).map(([name, run]) =>
      vs.commands.registerCommand(`mcpCredentials.${name}`, run),
    );
  }

  dispose(): void {
    for (const registered of this.#registered) registered.dispose();
  }

  /** Runs `run` with the server that is meant: the only one that fits, else the one that is picked. */
  async #withServer(
    question: string,
    fits: (id: ServerId) => boolean,
    run: (id: ServerId) => Promise<void>,
  ): Promise<void> {
    const { vs, broker, menu } = this.parts;
    const servers = broker.servers();
    if (servers.length === 0) return this.#offerServers();
    const fitting = servers.filter(({ id }) => fits(id));
    const [only, ...others] = fitting;
    if (only === undefined) {
      const text = vs.l10n.t(
        'You are not signed in for any MCP server. Run “MCP Credentials: Sign In” first.',
      );
      void vs.window.showInformationMessage(text);
      return;
    }
    if (others.length === 0) return run(only.id);
    const choices = fitting.map((server) => menu.choiceFor(server, () => run(server.id)));
    await choose(vs, vs.l10n.t('MCP Credentials'), question, choices);
  }

  async #offerServers(): Promise<void> {
    const { vs, addServer } = this.parts;
    const add = vs.l10n.t('Add Server…');
    const text = vs.l10n.t('No MCP server is set up yet.');
    if ((await vs.window.showInformationMessage(text, add)) === add) await addServer.run();
  }
}
