import type { Audit } from '../core/audit.js';
import type { Counters } from '../core/counters.js';
import type { IssuerDriver } from '../core/issuer-driver.js';
import type { Journal } from '../core/journal.js';
import type { Leases } from '../core/lease.js';
import type { Ledgers } from '../core/ledger.js';
import type { Lock } from '../core/lock.js';
import type { Network } from '../core/network.js';
import type {
  Clock,
  Fetch,
  Log,
  Memento,
  OpenBrowser,
  Random,
  ReadTokenFile,
  RedirectReceiver,
  SecretStore,
  ShowCode,
} from '../core/ports.js';
import type { Quirk } from '../core/quirk.js';
import type { Questions } from '../core/questions.js';

/** What the user may decide about; read whenever it matters. */
export interface BrokerRules {
  /** How long before its end a token is renewed, in milliseconds; a fifth of its life when that is shorter. */
  readonly refreshLeadMs: () => number;
  /** How long, and how many at most, sessions are remembered. */
  readonly sessionsKeepMs: () => number;
  readonly sessionsKeepCount: () => number;
  /** How long a binding is kept that nobody uses, in milliseconds. */
  readonly bindingsKeepMs: () => number;
  /** After how long an account is forgotten whose grant was refused for good; 0 for never. */
  readonly removeDeadAfterMs: () => number;
  /** Authorization servers for which exceptions are made, beside those that we know. */
  readonly issuerQuirks: () => readonly Quirk[];
  /** The address of the document that describes us to authorization servers; empty when there is none. */
  readonly clientMetadataUrl: () => string;
}

/** What a window's broker takes from the window. */
export interface BrokerParts {
  readonly rules: BrokerRules;
  readonly counters: Counters;
  readonly audit: Audit;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly secrets: SecretStore;
  /** What `secrets` may be behind. */
  readonly lock: Lock;
  readonly memento: Memento;
  /** What the windows of this profile share, beside the editor's storage. */
  readonly journal: Journal;
  readonly leases: Leases;
  readonly ledgers: Ledgers;
  readonly network: Network;
  /** Names the workspace, the same from start to start. */
  readonly workspace: string;
  readonly openBrowser: OpenBrowser;
  readonly showCode: ShowCode;
  readonly redirects: RedirectReceiver;
  readonly questions: Questions;
  readonly readTokenFile: ReadTokenFile;
  /** The issuers that need more than the protocol. */
  readonly drivers?: readonly IssuerDriver[];
}
