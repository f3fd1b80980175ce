import { Broker } from '../../src/broker/broker.js';
import type { Disposable } from '../../src/core/announcer.js';
import { Counters } from '../../src/core/counters.js';
import { hasCode } from '../../src/core/errors.js';
import type { Journal } from '../../src/core/journal.js';
import type { HeldLease, Leases } from '../../src/core/lease.js';
import { noLock } from '../../src/core/lock.js';
import type { Clock, Log, RedirectReceiver, SecretStore } from '../../src/core/ports.js';
import type { ServerId } from '../../src/core/server.js';
import { defaultRules } from '../support/default-rules.js';
import { readTokenFile } from '../../src/node/token-file.js';
import { noQuestions } from '../support/no-questions.js';
import type { DesktopWindowSecrets } from '../support/desktop-secrets.js';
import type { WindowLeases } from '../support/memory-leases.js';
import { Gate } from './gate.js';
import type { Asker } from './issuer.js';
import { networkOf } from './network.js';
import type { Place, World } from './world.js';

/** How long a browser may take to send the user back. */
const userTakesMs = [2_000, 60_000] as const;

/** How often nobody can say whether a lease is still held. */
const failedLooks = 0.01;

/** One run of the extension in one window: the real broker, on ports that fail, stand still and die as the world has it. */
export class MonthWindow implements Asker {
  readonly gate: Gate;
  readonly broker: Broker;
  readonly counters = new Counters();
  thawedAtMs = -Infinity;
  saveFailedAtMs = -Infinity;
  readonly #timers = new Set<Disposable>();
  readonly #secrets: DesktopWindowSecrets;
  readonly #leases: WindowLeases;
  readonly #watching = new Set<Disposable>();
  /** What a redirect with some `state` ends. */
  readonly #arrivals = new Map<string, (url: URL) => void>();
  /** What it waits for outside of itself, its timers apart. */
  #underWay = 0;

  /**
   * @param workspace - the same for the next run in its place
   * @param onDeath - is told at which step it died
   */
  constructor(
    readonly name: string,
    private readonly world: World,
    readonly workspace: string,
    readonly places: readonly Place[],
    private readonly onDeath: (step: string) => void,
    log: Log,
  ) {
    this.gate = new Gate(
      (step) => this.#die(step),
      () => this.#freeze(),
    );
    this.#secrets = world.secrets.window();
    this.#leases = world.leases.window();
    this.broker = new Broker({
      rules: defaultRules,
      counters: this.counters,
      audit: { record: () => undefined },
      fetch: networkOf(world, this.gate, this),
      network: { isDown: () => world.faults.isKnownToBeOffline, addresses: () => '' },
      clock: this.#clock(),
      random: world.dice.next,
      log,
      secrets: this.#secretStore(),
      lock: noLock,
      memento: world.memento,
      journal: this.#journal(),
      leases: this.#leasesOf(),
      ledgers: world.ledgers,
      workspace,
      showCode: () => {
        throw new Error('Nobody asked for a code.');
      },
      openBrowser: (url) => this.#browse(new URL(url)),
      redirects: this.#redirects(),
      questions: noQuestions,
      readTokenFile,
      drivers: [world.driver],
    });
  }

  get isGone(): boolean {
    return this.gate.isDead;
  }

  get isFrozen(): boolean {
    return this.gate.isFrozen;
  }

  /** How many timers it has set that have not fired yet. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Whether it waits for nothing but timers: neither for what is outside of it nor for somebody in a browser. */
  get isQuiet(): boolean {
    return this.#underWay === 0 && this.#arrivals.size === 0;
  }

  async open(): Promise<void> {
    await this.broker.setServers(this.places.map(({ id, url, auth }) => ({ id: id as ServerId, url, auth })));
  }

  thaw(): void {
    if (!this.isFrozen) return;
    this.thawedAtMs = this.world.clock.nowMs();
    this.#leases.thaw();
    this.gate.thaw();
  }

  /** The window is closed in order, or its process is ended when that takes too long. */
  async close(): Promise<void> {
    this.thaw();
    const patience = this.world.clock.wait(5_000);
    await Promise.race([this.broker.close(), patience]);
    if (!this.isGone) this.#secrets.close();
    this.gate.die('closed');
  }

  #die(step: string): void {
    for (const timer of this.#timers) timer.dispose();
    for (const watching of this.#watching) watching.dispose();
    this.#timers.clear();
    this.#secrets.crash();
    this.#leases.crash();
    this.onDeath(step);
  }

  #freeze(): void {
    const { clock, dice, judge } = this.world;
    judge.count('freezes');
    this.#leases.freeze();
    clock.after(dice.between(1_000, 60_000), () => this.thaw());
  }

  async #waitFor<T>(step: string, work: () => PromiseLike<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await this.gate.through(step, work);
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Most things take no time to speak of; now and then one does. */
  async #disk<T>(step: string, work: () => Promise<T>): Promise<T> {
    const { clock, dice } = this.world;
    return this.#waitFor(step, async () => {
      if (dice.chance(0.03)) {
        await clock.wait(dice.between(1, 300));
        // Whoever takes its lease over must not be surprised by the work of a process that is dead.
        if (this.isGone) await new Promise(() => undefined);
      }
      return work();
    });
  }

  #clock(): Clock {
    const { world } = this;
    return {
      nowMs: () => world.wallMs(),
      after: (delayMs, run) => {
        const fire = () => {
          this.#timers.delete(timer);
          if (this.isFrozen) void this.gate.pass('timer fires').then(run);
          else if (!this.isGone) run();
        };
        const inner = world.clock.after(delayMs, fire);
        const timer = {
          dispose: () => {
            inner.dispose();
            this.#timers.delete(timer);
          },
        };
        this.#timers.add(timer);
        return timer;
      },
    };
  }

  #secretStore(): SecretStore {
    const { faults, judge } = this.world;
    const change = (work: () => Promise<void>) => () => {
      if (!faults.secretsFail) return work();
      judge.count('faults: SecretStorage takes nothing');
      this.saveFailedAtMs = this.world.clock.nowMs();
      return Promise.reject(new Error('The keyring is locked.'));
    };
    return {
      get: (key) => this.#disk('secret read', () => this.#secrets.get(key)),
      store: (key, value) =>
        this.#disk(
          'secret stored',
          change(() => this.#secrets.store(key, value)),
        ),
      delete: (key) =>
        this.#disk(
          'secret deleted',
          change(() => this.#secrets.delete(key)),
        ),
    };
  }

  #journal(): Journal {
    const { faults, journal, judge } = this.world;
    const failing = (isFailing: () => boolean, what: string) => {
      if (!isFailing()) return;
      judge.count(`faults: ${what}`);
      throw new Error('The folder is locked.');
    };
    return {
      names: () => this.#disk('journal listed', () => journal.names()),
      read: (name) =>
        this.#disk('journal read', async () => {
          // It is tried several times before it is said to fail.
          if (faults.journalReadsFail) await this.world.clock.wait(260);
          failing(() => faults.journalReadsFail, 'journal cannot be read');
          return journal.read(name);
        }),
      write: (name, text) =>
        this.#disk('journal written', async () => {
          if (faults.journalWritesFail) this.saveFailedAtMs = this.world.clock.nowMs();
          failing(() => faults.journalWritesFail, 'journal takes nothing');
          await journal.write(name, text);
          judge.kept.journalled(name, text);
        }),
      remove: (name) => this.#disk('journal entry removed', () => journal.remove(name)),
      watch: (listener) => {
        const watching = journal.watch((name) => this.#hear(() => listener(name)));
        this.#watching.add(watching);
        return watching;
      },
    };
  }

  #hear(news: () => void): void {
    const { clock, dice, faults, judge } = this.world;
    if (dice.chance(faults.lostNews)) judge.count('faults: news lost');
    else {
      clock.after(dice.between(1, 200), () => {
        void this.gate.pass('news').then(news);
      });
    }
  }

  #leasesOf(): Leases {
    return {
      hold: (name, work, patienceMs) => {
        const asItGoes = async (lease: HeldLease) => {
          await this.gate.pass('lease taken');
          const own: HeldLease = {
            isHeld: () => {
              if (this.world.dice.chance(failedLooks)) this.#leases.failLooks(1);
              return this.gate.through('lease looked at', () => lease.isHeld());
            },
          };
          const result = await work(own);
          await this.gate.pass('lease is given back');
          return result;
        };
        return this.#waitFor('lease', () => this.#leases.hold(name, asItGoes, patienceMs));
      },
    };
  }

  // The user.

  #redirects(): RedirectReceiver {
    return {
      open: (state) =>
        Promise.resolve({
          redirectUri: 'http://127.0.0.1:4711/callback',
          registrableUri: 'http://127.0.0.1/callback',
          arrived: new Promise<URL>((resolve) => this.#arrivals.set(state, resolve)),
          answer: () => undefined,
          dispose: () => this.#arrivals.delete(state),
        }),
    };
  }

  #browse(url: URL): Promise<boolean> {
    const { clock, dice, judge, issuers } = this.world;
    const arrive = this.#arrivals.get(url.searchParams.get('state') ?? '');
    const place = this.world.placeOf(url);
    const issuer = issuers.find(({ origin }) => origin === url.origin);
    if (place === undefined || issuer !== place.issuer) judge.misdirected(`a browser to ${url.href}`);
    else if (dice.chance(0.9)) {
      clock.after(dice.between(...userTakesMs), () => arrive?.(issuer.authorize(url, place.subject)));
    }
    return Promise.resolve(true);
  }

  /** A call of the editor to one of the servers, as the proxy handles it. */
  async call(place: Place): Promise<'done' | 'sign-in wanted' | 'not now'> {
    const { judge } = this.world;
    const id = place.id as ServerId;
    try {
      const lent = await this.broker.accessToken(id);
      if (judge.lent(this, place, lent.token.reveal())) return 'done';
      judge.count('calls whose token was refused');
      const newer = await this.broker.newerToken(id, undefined, lent);
      if (!judge.lent(this, place, newer.token.reveal())) judge.count('calls refused twice');
      return 'done';
    } catch (error) {
      if (hasCode(error, 'sign_in_required', 'grant_refused')) return 'sign-in wanted';
      judge.count(`calls that ended with ${codeOf(error)}`);
      return 'not now';
    }
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
