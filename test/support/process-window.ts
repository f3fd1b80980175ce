import { join } from 'node:path';
import { Broker } from '../../src/broker/broker.js';
import { Counters } from '../../src/core/counters.js';
import { noLock } from '../../src/core/lock.js';
import type { Clock, OpenBrowser, RedirectReceiver } from '../../src/core/ports.js';
import type { Ledgers } from '../../src/core/ledger.js';
import { JournalFiles } from '../../src/node/journal-files.js';
import { LeaseFiles } from '../../src/node/lease-file.js';
import { LedgerFiles } from '../../src/node/ledger-files.js';
import { defaultRules } from './default-rules.js';
import { FakeMemento } from './fake-memento.js';
import { FakeNetwork } from './fake-network.js';
import { readTokenFile } from '../../src/node/token-file.js';
import { noQuestions } from './no-questions.js';
import { FileSecrets } from './file-secrets.js';
import { RecordingLog } from './recording-log.js';

export interface SharedParts {
  readonly secrets: FileSecrets;
  readonly journal: JournalFiles;
  readonly leases: LeaseFiles;
  readonly ledgers: Ledgers;
  readonly log: RecordingLog;
}

/** What the windows of one profile share when each is a process of its own: a folder. */
export function sharedParts(folder: string): SharedParts {
  const log = new RecordingLog();
  const leases = new LeaseFiles(join(folder, 'leases'), log);
  return {
    log,
    leases,
    ledgers: {
      sessions: new LedgerFiles(join(folder, 'sessions'), leases, log),
      bindings: new LedgerFiles(join(folder, 'bindings'), leases, log),
    },
    secrets: new FileSecrets(join(folder, 'secrets')),
    journal: new JournalFiles(join(folder, 'journal'), log),
  };
}

/** A window's broker in this process. */
export function processBroker(
  parts: SharedParts,
  own: {
    readonly clock: Clock;
    readonly fetch: typeof fetch;
    readonly openBrowser: OpenBrowser;
    readonly redirects: RedirectReceiver;
  },
): Broker {
  return new Broker({
    ...parts,
    ...own,
    showCode: () => {
      throw new Error('Nobody asked for a code.');
    },
    fetch: (url, init) => own.fetch(url, init),
    rules: defaultRules,
    counters: new Counters(),
    audit: { record: () => undefined },
    random: Math.random,
    network: new FakeNetwork(),
    lock: noLock,
    questions: noQuestions,
    readTokenFile,
    memento: new FakeMemento(),
    workspace: 'file:///a',
  });
}
