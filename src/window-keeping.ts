import { join } from 'node:path';
import type { Audit } from './core/audit.js';
import type { Counters } from './core/counters.js';
import { parseKeyText } from './core/credential.js';
import type { Log } from './core/ports.js';
import { AuditFiles } from './node/audit-files.js';
import { Host } from './node/host.js';
import { JournalFiles } from './node/journal-files.js';
import { LeaseFiles, type LeaseNews } from './node/lease-file.js';
import { LedgerFiles } from './node/ledger-files.js';
import { Profile } from './node/profile.js';
import type { Files } from './storage/place-finder.js';
import { WindowStorage, type StorageSettings } from './storage/window-storage.js';
import { HostMemento } from './vault/ledgers/host-memento.js';
import { ProfileSecrets } from './vault/secrets/profile-secrets.js';
import { sessionName } from './vscode/editor/session.js';
import type { WindowFrame } from './window-frame.js';

/** What outlives a window: its storage, and the trail of what happened. */
export interface Keeping {
  readonly storage: WindowStorage;
  readonly audit: AuditFiles;
  /** Whether the user wants the trail. */
  readonly isAudited: () => boolean;
}

/** Opens the storage that the settings ask for, in the background. */
export function openKeeping({ vs, context, system, settings, counters, log, keep }: WindowFrame): Keeping {
  const { clock } = system;
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
  return { storage, audit, isAudited };
}

/** What lies in a folder that all windows of the profile see. */
function sharedAmongWindows(folder: string, log: Log, news: LeaseNews): Files {
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
