import type { Broker } from './broker/broker.js';
import { parseClientFile } from './google/client-file.js';
import { googleEndpoints, tokenEndpoints } from './google/endpoints.js';
import { hostedServers } from './google/hosted-servers.js';
import { googleScopeWords } from './google/scopes.js';
import { googleServices } from './google/services.js';
import { foreignCredentials } from './import/finder.js';
import { AccountActions } from './vscode/accounts/account-actions.js';
import { AddServer } from './vscode/accounts/add-server.js';
import { AllowedAddresses } from './vscode/accounts/allowed-addresses.js';
import { Commands } from './vscode/commands.js';
import { auditText } from './vscode/documents/audit-table.js';
import type { McpProxy } from './loopback/mcp-proxy.js';
import type { ConfiguredServers } from './vscode/settings/configured-servers.js';
import { ContextKeys } from './vscode/attention/context-keys.js';
import { DefaultCredentials } from './vscode/accounts/default-credentials.js';
import { DefinitionProvider } from './vscode/definitions/definition-provider.js';
import { FailedStarts } from './vscode/definitions/failed-starts.js';
import { diagnostics } from './vscode/documents/diagnostics.js';
import { GoogleClients } from './vscode/accounts/google-clients.js';
import { ImportCredentials } from './vscode/accounts/import-credentials.js';
import type { IssuerQuirks } from './vscode/settings/issuer-quirks.js';
import { ServerEntries } from './vscode/settings/server-entries.js';
import { SettingsProblems } from './vscode/settings/settings-problems.js';
import { ShownDocuments } from './vscode/documents/shown-documents.js';
import { SignInHelp } from './vscode/sign-in/sign-in-help.js';
import { SignInNotifications } from './vscode/attention/sign-in-notifications.js';
import { StorageNotices } from './vscode/attention/storage-notices.js';
import { SignOutActions } from './vscode/accounts/sign-out-actions.js';
import { StatusBar } from './vscode/attention/status-bar.js';
import { StatusMenu } from './vscode/attention/status-menu.js';
import { Unlocking } from './vscode/accounts/unlocking.js';
import type { Keeping } from './window-keeping.js';
import { googleHome, type WindowFrame } from './window-frame.js';

/** What the user interface is built on, beside the frame. */
export interface SurfaceParts extends Keeping {
  readonly broker: Broker;
  readonly configured: ConfiguredServers;
  readonly quirks: IssuerQuirks;
  readonly manifest: { readonly version: string };
  /** Settles when the proxy listens and the stored credentials are in memory. */
  readonly ready: Promise<McpProxy>;
  /** Why there is no proxy, in sentences; undefined while it starts, and when it listens. */
  readonly proxyFailure: () => string | undefined;
  readonly showLog: () => void;
}

/** Builds what the user meets in a window: commands, status bar, notifications, documents, and the servers themselves. */
export function showSurface(frame: WindowFrame, parts: SurfaceParts): StatusBar {
  const { vs, context, system, settings, counters, log, keep } = frame;
  const { broker, storage, audit, isAudited, configured, quirks, manifest, ready, proxyFailure, showLog } =
    parts;
  const { clock, google = googleEndpoints, hostedServers: presets = hostedServers } = system;
  const extensionId = context.extension.id;
  const signInWaitSeconds = () => settings.number('signInWaitSeconds');
  const unlocking = keep(new Unlocking(vs, storage, log));
  const help = new SignInHelp(vs, broker, clock);
  const googleClients = new GoogleClients({
    vs,
    clients: broker.ownClients,
    issuer: google.issuer,
    parseFile: parseClientFile,
    extensionId,
    log,
    showLog,
  });
  const acting = { vs, broker, storage, clock, log, googleClients, showLog };
  const actions = new AccountActions({ ...acting, help, unlocking });
  const signOuts = new SignOutActions(acting);
  const entries = new ServerEntries({ vs, broker, clock, log });
  const { issuer, origins } = google;
  const addServer = new AddServer({
    ...{ vs, broker, configured, actions, googleClients, presets, entries, issuer },
    services: googleServices,
    scopeWords: googleScopeWords,
  });
  const home = googleHome(system);
  const importCredentials = new ImportCredentials({
    vs,
    broker,
    foreign: foreignCredentials({ ...home, tokenEndpoints: tokenEndpoints(google) }),
    actions,
    defaultCredentials: new DefaultCredentials({ vs, broker, actions, entries, origins }),
    addServer,
    issuer,
    homeFolder: home.homeFolder,
    storage,
    clock,
    log,
    showLog,
  });
  const problems = keep(new SettingsProblems(vs, [settings, configured, quirks], log));
  keep(new StorageNotices({ vs, storage, settings, log, showLog }));
  const documents = keep(new ShownDocuments(vs));
  const shown = {
    showLog,
    showAuditTrail: documents.offer(vs.l10n.t('MCP Credentials Audit'), () =>
      auditText(vs.l10n, audit, isAudited()),
    ),
    showDiagnostics: documents.offer(vs.l10n.t('MCP Credentials Diagnostics'), () => {
      const versions = { extension: manifest.version, platform: system.platform };
      return diagnostics({
        vs,
        versions,
        broker,
        storage,
        settings,
        problems,
        counters,
        clock,
        network: system.network,
      });
    }),
  };
  keep(new ContextKeys(vs, broker, googleClients));
  const menu = new StatusMenu({
    vs,
    broker,
    configured,
    problems,
    actions,
    signOuts,
    addServer,
    googleClients,
    allowed: new AllowedAddresses(vs, broker.permissions),
    storage,
    proxyFailure,
    unlocking,
    clock,
    ...shown,
  });
  keep(
    new Commands({
      vs,
      broker,
      actions,
      signOuts,
      menu,
      addServer,
      googleClients,
      importCredentials,
      ...shown,
    }),
  );
  keep(new SignInNotifications(vs, broker, storage, clock, actions));
  const statusBar = keep(new StatusBar({ vs, broker, configured, problems, storage, proxyFailure, clock }));
  const failedStarts = keep(new FailedStarts({ vs, broker, clock, log, extensionId }));
  const provider = keep(
    new DefinitionProvider({ vs, broker, storage, clock, ready, signInWaitSeconds, failedStarts }),
  );
  keep(vs.lm.registerMcpServerDefinitionProvider('mcpCredentials.servers', provider));
  return statusBar;
}
