import { join } from 'node:path';
import { Broker } from '../../src/broker/broker.js';
import { Counters } from '../../src/core/counters.js';
import type { LiveCredential } from '../../src/core/credential.js';
import { noLock } from '../../src/core/lock.js';
import type { Log } from '../../src/core/ports.js';
import { Secret } from '../../src/core/secret.js';
import type { Server, ServerId } from '../../src/core/server.js';
import { AuditFiles } from '../../src/node/audit-files.js';
import { JournalFiles } from '../../src/node/journal-files.js';
import { LeaseFiles } from '../../src/node/lease-file.js';
import { LedgerFiles } from '../../src/node/ledger-files.js';
import { ServerMemoryFiles } from '../../src/node/server-memory-files.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import { Sessions } from '../../src/vault/ledgers/sessions.js';
import { BrokerWindow, Stores } from '../support/broker-window.js';
import { defaultRules } from '../support/default-rules.js';
import { FakeNetwork } from '../support/fake-network.js';
import { readTokenFile } from '../../src/node/token-file.js';
import { noQuestions } from '../support/no-questions.js';
import { sealedBefore } from '../support/sealed-before.js';
import { serversSetting } from '../support/ground.js';
import { CountingClock } from './counting-clock.js';

/** Writes nothing, and keeps nothing in memory. */
export const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const hourMs = 3_600_000;

/** As long as the access tokens of the usual authorization servers. */
const tokenLength = 1_200;

export interface ProfileSize {
  readonly accounts: number;
  readonly sessions: number;
  /** The address below which the servers are; each has a host of its own when left out. */
  readonly below?: string;
  /** The access token of every account; each has one of its own when left out. */
  readonly token?: string;
}

/**
 * A profile after long use: so many accounts, each for a server of its own, and so many sessions, in real files
 * wherever the extension uses files. Nobody answers on the network, and nobody has to: every token is fresh.
 */
export class FullProfile {
  readonly stores = new Stores();
  readonly servers: readonly Server[];
  readonly audit = new AuditFiles({
    folder: () => Promise.resolve(this.#folder('audit')),
    requireParent: () => Promise.resolve(),
    rules: { isEnabled: () => true, maxFileBytes: () => 10_000_000, maxFiles: () => 5 },
    clock: new CountingClock(),
    counters: new Counters(),
    log: silent,
  });
  readonly serverMemory = new ServerMemoryFiles(this.#folder('servers'), () => Promise.resolve(), silent);

  private constructor(private readonly size: ProfileSize) {
    this.servers = Array.from({ length: size.accounts }, (_, n) => ({
      id: `server-${n}` as ServerId,
      url: size.below === undefined ? `https://mcp-${n}.example.com/mcp` : `${size.below}/${n}`,
      auth: {},
    }));
  }

  static async make(size: ProfileSize): Promise<FullProfile> {
    const profile = new FullProfile(size);
    await profile.#fill();
    return profile;
  }

  get name(): string {
    return `${count(this.size.accounts, 'account')}, ${count(this.size.sessions, 'session')}`;
  }

  /** A window with the whole extension in it, as it activates. */
  window(): BrokerWindow {
    const named = this.servers.map(({ id, url }) => ({ name: id, url }));
    return new BrokerWindow({ stores: this.stores, user: serversSetting(named), fetch: offline });
  }

  /** Only what decides, without the doubles of an editor. */
  broker(clock = new CountingClock()): Broker {
    const { ownSecrets: secrets, memento } = this.stores;
    return new Broker({
      ...this.#files(),
      rules: defaultRules,
      counters: new Counters(),
      audit: this.audit,
      fetch: offline,
      clock,
      random: Math.random,
      log: silent,
      secrets,
      lock: noLock,
      network: new FakeNetwork(),
      memento,
      workspace: 'no workspace',
      showCode: () => {
        throw new Error('Nobody asked for a code.');
      },
      openBrowser: () => Promise.resolve(false),
      redirects: { open: () => Promise.reject(new Error('Nobody signs in here.')) },
      questions: noQuestions,
      readTokenFile,
    });
  }

  /** A broker that has everything in memory. */
  async loaded(clock = new CountingClock()): Promise<Broker> {
    const broker = this.broker(clock);
    await broker.setServers(this.servers);
    // Whose a session is that nobody knows is only known when all have been read.
    for (const { id } of this.servers.slice(0, 1)) await broker.accessToken(id, 'unknown');
    return broker;
  }

  #folder(name: string): string {
    return join(this.stores.folder, name);
  }

  #files() {
    const leases = new LeaseFiles(this.#folder('leases'), silent);
    return {
      journal: new JournalFiles(this.#folder('journal'), silent),
      leases,
      ledgers: {
        sessions: new LedgerFiles(this.#folder('sessions'), leases, silent),
        bindings: new LedgerFiles(this.#folder('bindings'), leases, silent),
      },
    };
  }

  async #fill(): Promise<void> {
    const { ownSecrets: secrets, memento } = this.stores;
    sealedBefore(this.stores.secrets, this.stores.secretName('journal-key'));
    const { journal, leases, ledgers } = this.#files();
    const clock = new CountingClock();
    const closing = AbortSignal.abort();
    const vault = new CredentialVault({
      secrets,
      memento,
      journal,
      leases,
      clock,
      counters: new Counters(),
      log: silent,
      closing,
    });
    for (const [n, server] of this.servers.entries())
      await vault.put(credentialFor(n, server, this.size.token));
    const sessions = new Sessions({ ledger: ledgers.sessions, clock, log: silent }, defaultRules);
    for (let n = 0; n < this.size.sessions; n++) {
      const server = this.servers[n % this.servers.length];
      if (server === undefined) break;
      const { account } = credentialFor(n % this.servers.length, server);
      await sessions.open(server.id, `session-${n}`, account);
    }
    await sessions.end();
    // The first window binds every server to the only account that fits.
    await (await this.loaded(clock)).close();
  }
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const offline = (): Promise<Response> => Promise.reject(new TypeError('fetch failed'));

function credentialFor(
  n: number,
  { url }: Server,
  token = `access-${n}-`.padEnd(tokenLength, 'x'),
): LiveCredential {
  const issuer = 'https://login.example.com';
  const nowMs = Date.now();
  return {
    account: { issuer, subject: `user-${n}`, label: `user-${n}@example.com` },
    client: { issuer, clientId: 'client-1', authMethod: 'none', source: 'dynamic' },
    resource: url,
    generation: 1,
    scopes: ['tools.read', 'tools.write'],
    tokens: {
      kind: 'alive',
      accessToken: new Secret(token),
      refreshToken: new Secret(`refresh-${n}-`.padEnd(200, 'x')),
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 24 * hourMs,
    },
  };
}
