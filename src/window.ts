import type { ExtensionContext } from 'vscode';
import type { Broker } from './broker/broker.js';
import type { Disposable } from './core/announcer.js';
import { Counters } from './core/counters.js';
import { BrokerError, describeError, hasCode } from './core/errors.js';
import type { ServerId } from './core/server.js';
import { noServerMemory } from './core/server-memory.js';
import { googleScopeText } from './google/scopes.js';
import { codeOf } from './node/atomic-file.js';
import { makeSocketPlace } from './node/socket-place.js';
import { ServerMemoryFiles } from './node/server-memory-files.js';
import { serversIn } from './node/storage-folders.js';
import { McpProxy, type ProxyParts } from './loopback/mcp-proxy.js';
import type { VSCode } from './vscode/editor/api.js';
import { Approvals } from './vscode/settings/approvals.js';
import { CallQuestions } from './vscode/attention/call-questions.js';
import { ConfiguredServers } from './vscode/settings/configured-servers.js';
import { IssuerQuirks } from './vscode/settings/issuer-quirks.js';
import { channelLog } from './vscode/editor/log.js';
import { Settings, type SettingsManifest } from './vscode/settings/settings.js';
import { failureText } from './vscode/texts/failure-texts.js';
import { unlinked } from './vscode/editor/unlinked.js';
import { openKeeping, type Keeping } from './window-keeping.js';
import type { SystemParts, WindowFrame } from './window-frame.js';
import { showSurface } from './window-surface.js';
import { openBroker } from './window-broker.js';

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
  const channel = keep(vs.window.createOutputChannel(vs.l10n.t('MCP Credentials'), { log: true }));
  const log = channelLog(channel);
  const manifest = context.extension.packageJSON as SettingsManifest & { readonly version: string };
  const settings = keep(new Settings(vs, manifest, system.environment, log));
  const quirks = keep(new IssuerQuirks(vs, settings, log));
  const counters = new Counters();
  const frame: WindowFrame = { vs, context, system, settings, counters, log, keep };
  const { storage, audit, isAudited } = openKeeping(frame);
  const broker = openBroker(frame, { storage, audit, quirks });
  const configured = keep(
    new ConfiguredServers(vs, settings, new Approvals(vs, storage.memento, googleScopeText), log),
  );

  const explain = (error: unknown, server: ServerId) =>
    failureText(vs.l10n, error, server, system.clock.nowMs(), storage.health);
  const opening = openProxy(frame, { tokens: broker, storage, audit, explain }).then(keep);
  /** Why there is no proxy, in words. */
  let proxyFailure: string | undefined;
  opening.catch((error: unknown) => (proxyFailure = explain(error, '' as ServerId)));
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

  const statusBar = showSurface(frame, {
    ...{ broker, storage, audit, isAudited, configured, quirks, manifest, ready },
    proxyFailure: () => proxyFailure,
    showLog: () => channel.show(),
  });
  const onChange = () => {
    applyServers().catch((error: unknown) =>
      log.error(`The settings could not be applied: ${describeError(error)}`),
    );
    void configured.askAboutProposed();
  };
  keep(configured.onDidChange(onChange));
  void configured.askAboutProposed();
  const render = () => statusBar.render();
  void ready.then(render, render);
  return { ready, close: () => broker.close().finally(() => audit.settled()) };
}

/**
 * Starts the proxy where the settings want it, with what the storage remembers of the servers.
 * @throws (from the result) BrokerError `socket_unusable`, `port_unusable` with `details.why`
 */
async function openProxy(
  { vs, system: { clock }, settings, log }: WindowFrame,
  { storage, ...parts }: Pick<ProxyParts, 'tokens' | 'audit' | 'explain'> & Pick<Keeping, 'storage'>,
): Promise<McpProxy> {
  const isSocket = settings.text('proxy.transport') === 'socket';
  const place = isSocket ? await makeSocketPlace(log) : undefined;
  const { ask } = new CallQuestions(vs, clock);
  const folder = await storage.folder();
  const serverMemory =
    folder === undefined
      ? noServerMemory
      : new ServerMemoryFiles(serversIn(folder), () => storage.requireFolder(), log);
  const signInWaitSeconds = () => settings.number('signInWaitSeconds');
  const replayLimitBytes = () => settings.number('proxy.replayLimitKilobytes') * 1_024;
  try {
    return await McpProxy.start({
      ...{ ...parts, ask, serverMemory, place },
      ...{ clock, log, signInWaitSeconds, replayLimitBytes },
    });
  } catch (cause) {
    const why = codeOf(cause);
    if (why === '') throw cause;
    const code = isSocket ? 'socket_unusable' : 'port_unusable';
    throw new BrokerError(code, `The proxy cannot listen: ${why}.`, { cause, details: { why } });
  }
}

/** What only an account was to hear from a server is deleted when the server has that account no more. */
function forgetSignedOut(broker: Broker, opening: Promise<McpProxy>): Disposable {
  let before = new Set<ServerId>();
  return broker.onDidChange(() => {
    const ids = broker.servers().map(({ id }) => id);
    const now = new Set(ids.filter((id) => broker.account(id) !== undefined));
    // Also of a server that is configured no more: nobody could sign out of it later.
    for (const id of before) {
      if (!now.has(id))
        opening.then(
          (proxy) => proxy.signedOut(id),
          () => undefined,
        );
    }
    before = now;
  });
}
