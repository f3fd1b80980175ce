import { join } from 'node:path';
import type { BrokerRules } from './broker/broker-parts.js';
import { Broker } from './broker/broker.js';
import { noHandover } from './core/handover.js';
import { googleDriver } from './google/driver.js';
import { googleEndpoints } from './google/endpoints.js';
import { RedirectFiles } from './node/redirect-files.js';
import { readTextFile } from './node/text-file.js';
import { readTokenFile } from './node/token-file.js';
import type { WindowStorage } from './storage/window-storage.js';
import type { VSCode } from './vscode/editor/api.js';
import type { IssuerQuirks } from './vscode/settings/issuer-quirks.js';
import type { Settings } from './vscode/settings/settings.js';
import { codePrompts } from './vscode/sign-in/code-prompt.js';
import { Redirects } from './vscode/sign-in/redirects.js';
import { signInQuestions } from './vscode/sign-in/sign-in-questions.js';
import { outcomeText } from './vscode/texts/outcome-texts.js';
import { googleHome, type WindowFrame } from './window-frame.js';
import type { Keeping } from './window-keeping.js';

/** What the broker is built on, beside the frame. */
export interface WindowBrokerParts extends Pick<Keeping, 'storage' | 'audit'> {
  readonly quirks: IssuerQuirks;
}

/** Builds the broker of a window on its storage, its settings, and the ways by which it reaches the user. */
export function openBroker(frame: WindowFrame, { storage, audit, quirks }: WindowBrokerParts): Broker {
  const { vs, system, settings, counters, log, keep } = frame;
  const { web, google = googleEndpoints } = system;
  const { secrets, memento, journal, leases, ledgers } = storage;
  return new Broker({
    ...system,
    fetch: web.fetch,
    log,
    counters,
    audit,
    rules: rulesOf(settings, quirks),
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
    redirects: keep(redirectsOf(frame, storage)),
    questions: signInQuestions(vs),
    readTokenFile,
    drivers: [googleDriver({ ...googleHome(system), endpoints: google, readTextFile })],
  });
}

const dayMs = 24 * 3_600_000;

/** What the user may decide about, as the settings say it, in the units that the broker counts in. */
function rulesOf(settings: Settings, quirks: IssuerQuirks): BrokerRules {
  return {
    refreshLeadMs: () => settings.number('refresh.leadMinutes') * 60_000,
    sessionsKeepMs: () => settings.number('sessions.keepDays') * dayMs,
    sessionsKeepCount: () => settings.number('sessions.keepCount'),
    bindingsKeepMs: () => settings.number('bindings.keepDays') * dayMs,
    removeDeadAfterMs: () => settings.number('credentials.removeDeadAfterDays') * dayMs,
    clientMetadataUrl: () => settings.text('clientMetadataUrl'),
    issuerQuirks: () => quirks.all,
  };
}

/** Where the browser comes back to, and what it is told there. */
function redirectsOf({ vs, context, system, settings, log }: WindowFrame, storage: WindowStorage): Redirects {
  const { clock } = system;
  return new Redirects({
    ...{ vs, settings, log },
    extension: context.extension,
    handover: storage.keepsNothing
      ? noHandover
      : new RedirectFiles(join(context.globalStorageUri.fsPath, 'redirects'), clock, log),
    template: async () =>
      new TextDecoder().decode(
        await vs.workspace.fs.readFile(vs.Uri.joinPath(context.extensionUri, 'media', 'sign-in-ended.html')),
      ),
    describe: (outcome) => outcomeText(vs.l10n, outcome, clock.nowMs(), storage.health),
  });
}

/** Bindings are kept per workspace; windows without one share theirs. */
function workspaceName({ workspace }: VSCode): string {
  return (workspace.workspaceFile ?? workspace.workspaceFolders?.[0]?.uri)?.toString() ?? 'no workspace';
}
