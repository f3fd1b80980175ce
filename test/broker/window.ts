import assert from 'node:assert/strict';
import { Broker } from '../../src/broker/broker.js';
import type { SignInWanted } from '../../src/broker/wants.js';
import { Counters } from '../../src/core/counters.js';
import { FakeLock } from '../support/fake-lock.js';
import type { IssuerDriver } from '../../src/core/issuer-driver.js';
import type { Fetch, OpenBrowser, RedirectReceiver, ShowCode } from '../../src/core/ports.js';
import type { Questions } from '../../src/core/questions.js';
import type { Server, ServerAuth, ServerId } from '../../src/core/server.js';
import type { Credential } from '../../src/core/credential.js';
import { readTokenFile } from '../../src/node/token-file.js';
import { redirectReceiver } from '../../src/loopback/redirect-receiver.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import { MemoryLedger } from '../../src/vault/ledgers/memory-ledger.js';
import { defaultRules } from '../support/default-rules.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeMemento } from '../support/fake-memento.js';
import { FakeNetwork } from '../support/fake-network.js';
import { FakeSecretStore } from '../support/fake-secret-store.js';
import type { FormBrowser, Visit } from '../support/form-browser.js';
import { MemoryJournal } from '../support/memory-journal.js';
import { MemoryLeases } from '../support/memory-leases.js';
import { noQuestions } from '../support/no-questions.js';
import { RecordingAudit } from '../support/recording-audit.js';
import { RecordingLog } from '../support/recording-log.js';
import { sealedBefore } from '../support/sealed-before.js';
import { resource } from './scripted-issuer.js';

export const notes = 'notes' as ServerId;

export const serverAt = (url = resource, auth: ServerAuth = {}, id = notes): Server => ({ id, url, auth });

/** What the windows of one profile share. */
export class Profile {
  readonly secrets = sealedBefore(new FakeSecretStore());
  readonly memento = new FakeMemento();
  readonly clock = new FakeClock();
  readonly journal = new MemoryJournal();
  readonly leases = new MemoryLeases(this.clock);
  readonly ledgers = { sessions: new MemoryLedger(), bindings: new MemoryLedger() };
  readonly lock = new FakeLock();
  readonly network = new FakeNetwork();
  readonly log = new RecordingLog();
  readonly audit = new RecordingAudit();
  rules = defaultRules;
  /** What the user says when asked. */
  questions: Questions = noQuestions;
  /** The issuers that need more than the protocol. */
  drivers: readonly IssuerDriver[] = [];
  /** What happens to a code that the user is to enter. */
  showCode: ShowCode = () => {
    throw new Error('Nobody asked for a code.');
  };
  /** Where the browser comes back. */
  redirects = redirects;
  /** How the windows reach the world. */
  fetch: Fetch = (url, init) => fetch(url, init);
  readonly #open: Broker[] = [];

  /** A window's broker with `browser` as what its user sees; without one, opening a browser fails the test. */
  window(browser?: FormBrowser | OpenBrowser, workspace = 'file:///a') {
    const visits: Promise<Visit>[] = [];
    const openBrowser: OpenBrowser = (url, namedBy) => {
      assert.ok(browser !== undefined, `Nobody asked for a browser: ${url}`);
      if (typeof browser === 'function') return browser(url, namedBy);
      visits.push(browser.open(url));
      return Promise.resolve(true);
    };
    const { memento, journal, ledgers, clock, log, lock } = this;
    const secrets = lock.behind(this.secrets);
    const leases = this.leases.window();
    const counters = new Counters();
    const parts = {
      rules: this.rules,
      counters,
      audit: this.audit,
      fetch: this.fetch,
      clock,
      random: () => 0.5,
      network: this.network,
      log,
      secrets,
      lock,
      memento,
      journal,
      leases,
      ledgers,
      workspace,
      showCode: this.showCode,
      openBrowser,
      readTokenFile,
      drivers: this.drivers,
    };
    const broker = new Broker({ ...parts, redirects: this.redirects, questions: this.questions });
    const wanted: SignInWanted[] = [];
    broker.onSignInWanted((one) => wanted.push(one));
    this.#open.push(broker);
    return { broker, wanted, visits, leases, counters };
  }

  /** What a vault of this profile is made of. */
  vaultParts() {
    const { secrets, memento, journal, clock, log } = this;
    const leases = this.leases.window();
    return { secrets, memento, journal, leases, clock, counters: new Counters(), log };
  }

  /** Puts a credential where another run of the extension would have left it. */
  async keep(...credentials: readonly Credential[]): Promise<void> {
    const vault = new CredentialVault({ ...this.vaultParts(), closing: AbortSignal.abort() });
    for (const credential of credentials) await vault.put(credential);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((broker) => broker.close()));
    assert.deepEqual(this.clock.pending, [], 'A timer outlives the windows.');
  }
}

const redirects: RedirectReceiver = redirectReceiver({
  template: () => Promise.resolve('<title>{{title}}</title><p>{{message}}</p>'),
  describe: (outcome) => ({
    title: outcome.kind,
    message: outcome.kind === 'signed-in' ? `${outcome.account} for ${outcome.server}` : outcome.server,
  }),
});

/** Resolves as soon as `isSo`, which only a change of `broker` can make it. */
export function until(broker: Broker, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!isSo()) return;
      listening.dispose();
      resolve();
    };
    const listening = broker.onDidChange(look);
    look();
  });
}
