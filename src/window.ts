import { join } from 'node:path';
import type { ExtensionContext } from 'vscode';
import { Broker } from './broker/broker.js';
import type { Disposable } from './core/announcer.js';
import type { Audit } from './core/audit.js';
import { Counters } from './core/counters.js';
import { parseKeyText } from './core/credential.js';
import { describeError, hasCode } from './core/errors.js';
import type { Journal } from './core/journal.js';
import type { Leases } from './core/lease.js';
import type { Ledgers } from './core/ledger.js';
import type { Network } from './core/network.js';
import type { Clock, Log, Random } from './core/ports.js';
import type { ServerId } from './core/server.js';
import { noServerMemory } from './core/server-memory.js';
import type { ServerPreset } from './core/server-preset.js';
import { parseClientFile } from './google/client-file.js';
import { googleDriver } from './google/driver.js';
import { googleEndpoints, tokenEndpoints, type GoogleEndpoints } from './google/endpoints.js';
import { hostedServers } from './google/hosted-servers.js';
import { foreignCredentials } from './import/finder.js';
import { AuditFiles } from './node/audit-files.js';
import { Host } from './node/host.js';
import { JournalFiles } from './node/journal-files.js';
import { LeaseFiles, type LeaseNews } from './node/lease-file.js';
import { LedgerFiles } from './node/ledger-files.js';
import { Profile } from './node/profile.js';
import { makeSocketPlace } from './node/socket-place.js';
import { ServerMemoryFiles } from './node/server-memory-files.js';
import { serversIn } from './node/storage-folders.js';
import { readTextFile } from './node/text-file.js';
import { readTokenFile } from './node/token-file.js';
import type { ScryptCost } from './node/store-header.js';
import type { Web } from './node/web.js';
import { McpProxy } from './loopback/mcp-proxy.js';
import { WindowStorage, type StorageSettings } from './storage/window-storage.js';
import { HostMemento } from './vault/host-memento.js';
import { ProfileSecrets } from './vault/profile-secrets.js';
import { AccountActions } from './vscode/account-actions.js';
import { AddServer } from './vscode/add-server.js';
import { AllowedAddresses } from './vscode/allowed-addresses.js';
import type { VSCode } from './vscode/api.js';
import { Approvals } from './vscode/approvals.js';
import { CallQuestions } from './vscode/call-questions.js';
import { codePrompts } from './vscode/code-prompt.js';
import { Commands } from './vscode/commands.js';
import { auditText } from './vscode/audit-table.js';
import { ConfiguredServers } from './vscode/configured-servers.js';
import { ContextKeys } from './vscode/context-keys.js';
import { DefaultCredentials } from './vscode/default-credentials.js';
import { DefinitionProvider } from './vscode/definition-provider.js';
import { FailedStarts } from './vscode/failed-starts.js';
import { diagnostics } from './vscode/diagnostics.js';
import type { Variables } from './vscode/environment.js';
import { GoogleClients } from './vscode/google-clients.js';
import { ImportCredentials } from './vscode/import-credentials.js';
import { IssuerQuirks } from './vscode/issuer-quirks.js';
import { channelLog } from './vscode/log.js';
import { ServerEntries } from './vscode/server-entries.js';
import { sessionName } from './vscode/session.js';
import { Redirects } from './vscode/redirects.js';
import { Settings, type SettingsManifest } from './vscode/settings.js';
import { SettingsProblems } from './vscode/settings-problems.js';
import { ShownDocuments } from './vscode/shown-documents.js';
import { SignInHelp } from './vscode/sign-in-help.js';
import { signInQuestions } from './vscode/sign-in-questions.js';
import { SignInNotifications } from './vscode/sign-in-notifications.js';
import { StorageNotices } from './vscode/storage-notices.js';
import { StatusBar } from './vscode/status-bar.js';
import { StatusMenu } from './vscode/status-menu.js';
import { failureText, outcomeText } from './vscode/failure-texts.js';
import { unlinked } from './vscode/unlinked.js';
import { Unlocking } from './vscode/unlocking.js';

/** What the window takes from the system it runs on. */
export interface SystemParts {
  readonly web: Pick<Web, 'fetch' | 'requireReach'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  /** The variables of the environment. */
  readonly environment: Variables;
  /** The operating system, the processor and Node, in words. */
  readonly platform: string;
  /** The work that a new passphrase makes, where it is not to be as much as there should be. */
  readonly scryptCost?: ScryptCost;
  /** Google's addresses, where they are not Google's. */
  readonly google?: GoogleEndpoints;
  /** The MCP servers that it hosts, where those are others. */
  readonly hostedServers?: readonly ServerPreset[];
}

/** The extension's life in one window. */
export interface OpenWindow {
  /** Settles when the proxy listens and the stored credentials are in memory. Activation does not wait for it. */
  readonly ready: Promise<unknown>;
  /** Resolves when nothing that has left is lost by ending. */
  close(): Promise<void>;
}

/**
 * Builds the graph of one window, bottom-up, and returns at once. Everything is handed to `context` for disposal,
 * which the editor does in the order of the handing over, and without waiting for `close`.
 */
export function openWindow(vs: VSCode, context: ExtensionContext, system: SystemParts): OpenWindow {
  const keep = <T extends Disposable>(part: T): T => {
    context.subscriptions.push(part);
    return part;
  };
  const { clock, web, google = googleEndpoints, hostedServers: presets = hostedServers } = system;
  const channel = keep(vs.window.createOutputChannel(vs.l10n.t('MCP Credentials'), { log: true }));
  const log = channelLog(channel);
  const manifest = context.extension.packageJSON as SettingsManifest & { readonly version: string };
  const settings = keep(new Settings(vs, manifest, system.environment, log));
  const quirks = keep(new IssuerQuirks(vs, settings, log));
  const signInWaitSeconds = () => settings.number('signInWaitSeconds');
  const counters = new Counters();
  const globalFolder = context.globalStorageUri.fsPath;
  const { globalState } = context;
  const host = new Host(globalFolder, globalState, log);
  const profile = keep(new Profile({ host, globalState, clock, log }));
  const storage: WindowStorage = keep(
    new WindowStorage({
      settings: {
        backend: settings.text('storage.backend') as StorageSettings['backend'],
        directory: settings.text('storage.directory'),
        keyFile: settings.text('storage.keyFile'),
      },
      secrets: new ProfileSecrets(context.secrets, profile),
      memento: new HostMemento(globalState, host),
      globalFolder,
      profile,
      filesIn: (folder) => sharedAmongWindows(folder, log, leaseNews(counters, audit)),
      passphrase: system.environment['MCP_CREDENTIALS_PASSPHRASE'],
      scryptCost: system.scryptCost,
      session: sessionName(vs),
      clock,
      counters,
      log,
    }),
  );
  const { secrets, memento, journal, leases, ledgers } = storage;
  const isAudited = () => settings.flag('audit.enabled');
  const audit: AuditFiles = new AuditFiles({
    folder: async () => {
      const folder = await storage.folder();
      return folder && join(folder, 'audit');
    },
    rules: {
      isEnabled: isAudited,
      maxFileBytes: () => settings.number('audit.maxFileMegabytes') * 1_000_000,
      maxFiles: () => settings.number('audit.maxFiles'),
    },
    requireParent: () => storage.requireFolder(),
    clock,
    counters,
    log,
  });

  const broker = new Broker({
    ...system,
    fetch: web.fetch,
    log,
    counters,
    audit,
    rules: {
      refreshLeadMs: () => settings.number('refresh.leadMinutes') * 60_000,
      sessionsKeepMs: () => settings.number('sessions.keepDays') * 24 * 3_600_000,
      sessionsKeepCount: () => settings.number('sessions.keepCount'),
      clientMetadataUrl: () => settings.text('clientMetadataUrl'),
      removeDeadAfterMs: () => settings.number('credentials.removeDeadAfterDays') * 24 * 3_600_000,
      issuerQuirks: () => quirks.all,
    },
    secrets,
    lock: storage,
    memento,
    journal,
    leases,
    ledgers,
    workspace: workspaceName(vs),
    // The string, not a Uri: parsing and printing one changes the percent-encoding of nested addresses.
    openBrowser: async (url, namedBy) => {
      await web.requireReach(url, namedBy);
      return vs.env.openExternal(url as unknown as Parameters<typeof vs.env.openExternal>[0]);
    },
    showCode: codePrompts(vs, log),
    redirects: keep(
      new Redirects({
        ...{ vs, settings, log },
        extension: context.extension,
        template: async () =>
          new TextDecoder().decode(
            await vs.workspace.fs.readFile(vs.Uri.joinPath(context.extensionUri, 'media', 'signed-in.html')),
          ),
        describe: (outcome) => outcomeText(vs.l10n, outcome, clock.nowMs(), storage.health),
      }),
    ),
    questions: signInQuestions(vs),
    readTokenFile,
    drivers: [googleDriver({ ...googleHome(system), endpoints: google, readTextFile })],
  });
  const configured = keep(new ConfiguredServers(vs, settings, new Approvals(vs, memento), log));

  const explain = (error: unknown, server: ServerId) =>
    failureText(vs.l10n, error, server, clock.nowMs(), storage.health);
  const openProxy = async () => {
    const isSocket = settings.text('proxy.transport') === 'socket';
    const place = isSocket ? await makeSocketPlace(log) : undefined;
    const { ask } = new CallQuestions(vs, clock);
    const folder = await storage.folder();
    const serverMemory =
      folder === undefined
        ? noServerMemory
        : new ServerMemoryFiles(serversIn(folder), () => storage.requireFolder(), log);
    const way = { tokens: broker, audit, ask, serverMemory, place };
    const replayLimitBytes = () => settings.number('proxy.replayLimitKilobytes') * 1_024;
    return McpProxy.start({ ...way, clock, log, signInWaitSeconds, replayLimitBytes, explain });
  };
  const opening = openProxy().then(keep);
  const applyServers = async () => {
    const { usable } = configured;
    // Known at once, to commands too: nobody is to hear that there is no server while the storage is still opened.
    const loaded = broker.setServers(usable);
    loaded.catch(() => undefined);
    const proxy = await opening;
    proxy.setServers(usable.filter(({ delivery }) => delivery !== 'header'));
    await loaded;
    return proxy;
  };
  keep(forgetSignedOut(broker, opening));
  const ready = applyServers();
  ready.catch((error: unknown) => {
    log.error(`The proxy could not start: ${describeError(error)}`);
    if (hasCode(error, 'socket_unusable'))
      void vs.window.showErrorMessage(unlinked(explain(error, '' as ServerId)));
  });

  const showLog = () => channel.show();
  const unlocking = keep(new Unlocking(vs, storage, log));
  const help = new SignInHelp(vs, broker, clock);
  const googleClients = new GoogleClients({
    vs,
    clients: broker.ownClients,
    issuer: google.issuer,
    parseFile: parseClientFile,
    log,
    showLog,
  });
  const actions = new AccountActions({
    vs,
    broker,
    storage,
    clock,
    log,
    help,
    unlocking,
    googleClients,
    showLog,
  });
  const entries = new ServerEntries({ vs, broker, clock, log });
  const addServer = new AddServer({ vs, broker, configured, actions, googleClients, presets, entries });
  const { issuer, origins } = google;
  const importCredentials = new ImportCredentials({
    vs,
    broker,
    foreign: foreignCredentials({ ...googleHome(system), tokenEndpoints: tokenEndpoints(google) }),
    actions,
    defaultCredentials: new DefaultCredentials({ vs, broker, actions, entries, origins }),
    addServer,
    issuer,
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
    addServer,
    googleClients,
    allowed: new AllowedAddresses(vs, broker.permissions),
    storage,
    unlocking,
    clock,
    ...shown,
  });
  keep(new Commands({ vs, broker, actions, menu, addServer, googleClients, importCredentials, ...shown }));
  keep(new SignInNotifications(vs, broker, storage, clock, actions));
  const statusBar = keep(new StatusBar(vs, broker, configured, problems, storage, clock));
  const extensionId = context.extension.id;
  const failedStarts = keep(new FailedStarts({ vs, broker, clock, log, extensionId }));
  const provider = keep(
    new DefinitionProvider({ vs, broker, storage, clock, ready, signInWaitSeconds, failedStarts }),
  );
  keep(vs.lm.registerMcpServerDefinitionProvider('mcpCredentials.servers', provider));
  const onChange = () => {
    applyServers().catch((error: unknown) =>
      log.error(`The settings could not be applied: ${describeError(error)}`),
    );
    void configured.askAboutProposed();
  };
  keep(configured.onDidChange(onChange));
  void configured.askAboutProposed();
  void ready.then(
    () => statusBar.render(),
    () => undefined,
  );
  return { ready, close: () => broker.close().finally(() => audit.settled()) };
}

/** What lies in a folder that all windows of the profile see. */
function sharedAmongWindows(
  folder: string,
  log: Log,
  news: LeaseNews,
): { journal: Journal; leases: Leases; ledgers: Ledgers } {
  const leases = new LeaseFiles(join(folder, 'leases'), log, news);
  return {
    journal: new JournalFiles(join(folder, 'journal'), log),
    leases,
    ledgers: {
      sessions: new LedgerFiles(join(folder, 'sessions'), leases, log),
      bindings: new LedgerFiles(join(folder, 'bindings'), leases, log),
    },
  };
}

function leaseNews(counters: Counters, audit: Audit): LeaseNews {
  return {
    onWait: () => counters.add('leases.waited'),
    onTakeover: (name, why) => {
      counters.add('leases.takenOver');
      const key = parseKeyText(name);
      // Its label is in the vault, which a lease knows nothing of.
      const about = key && { resource: key.resource, account: { ...key, label: key.subject } };
      audit.record({ kind: 'lease-takeover', outcome: why, ...about });
    },
  };
}

/** Where Google's own tools keep what they have. */
function googleHome({ environment, platform }: SystemParts) {
  const homeFolder = environment['HOME'] ?? environment['USERPROFILE'] ?? '';
  return { environment, homeFolder, isWindows: platform.startsWith('win32') };
}

/** Bindings are kept per workspace; windows without one share theirs. */
function workspaceName({ workspace }: VSCode): string {
  return (workspace.workspaceFile ?? workspace.workspaceFolders?.[0]?.uri)?.toString() ?? 'no workspace';
}

/** What only an account was to hear from a server is deleted when the server has that account no more. */
function forgetSignedOut(broker: Broker, opening: Promise<McpProxy>): Disposable {
  let before = new Set<ServerId>();
  return broker.onDidChange(() => {
    const ids = broker.servers().map(({ id }) => id);
    for (const id of ids) {
      if (before.has(id) && broker.account(id) === undefined)
        opening.then(
          (proxy) => proxy.signedOut(id),
          () => undefined,
        );
    }
    before = new Set(ids.filter((id) => broker.account(id) !== undefined));
  });
}
