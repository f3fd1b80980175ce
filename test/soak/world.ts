import { MemoryLedger } from '../../src/vault/memory-ledger.js';
import { DesktopSecrets } from '../support/desktop-secrets.js';
import { FakeMemento } from '../support/fake-memento.js';
import { MemoryJournal } from '../support/memory-journal.js';
import { MemoryLeases } from '../support/memory-leases.js';
import type { Dice } from './dice.js';
import { Issuer } from './issuer.js';
import { Judge } from './judge.js';
import { MonthClock } from './month-clock.js';

/** What an issuer's front does with a request instead of handing it on. */
export type Trouble = '500' | '503' | '429' | '403 page' | 'reset' | 'no answer' | 'slow';
export const troubles: readonly Trouble[] = ['500', '503', '429', '403 page', 'reset', 'no answer', 'slow'];

/** What does not work at the moment. */
export interface Faults {
  isOffline: boolean;
  /** Whether the operating system knows that. */
  isKnownToBeOffline: boolean;
  secretsFail: boolean;
  journalWritesFail: boolean;
  journalReadsFail: boolean;
  /** How long nothing can be stored once the next tokens are on their way, in milliseconds; 0 for not at all. */
  storageFailsNextForMs: number;
  /** How likely an answer gets lost after the request has had its effect. */
  lostAnswers: number;
  /** How likely a window does not hear of a change. */
  lostNews: number;
  readonly troubles: Map<Issuer, Trouble>;
}

/** One server of the user, with the account that it is used with. */
export interface Place {
  readonly id: string;
  readonly url: string;
  readonly subject: string;
  readonly issuer: Issuer;
}

/** How long an access token lives at each issuer. */
const lifetimesSeconds = [3_600, 2 * 3_600, 4 * 3_600, 12 * 3_600];

class WatchedSecrets extends DesktopSecrets {
  constructor(
    clock: MonthClock,
    private readonly onFlush: (name: string, value: string | undefined) => void,
  ) {
    super(clock);
  }

  override flush(key: string, value: string | undefined): void {
    super.flush(key, value);
    this.onFlush(key, value);
  }
}

/** One computer with one profile, and the issuers and servers on the network. */
export class World {
  readonly clock = new MonthClock(Date.parse('2026-01-01T00:00:00Z'));
  /** How far somebody has set the computer's clock ahead of the truth. */
  clockIsAheadMs = 0;
  readonly journal = new MemoryJournal();
  readonly leases = new MemoryLeases(this.clock);
  readonly secrets: DesktopSecrets;
  readonly memento = new FakeMemento();
  readonly ledgers = { sessions: new MemoryLedger(), bindings: new MemoryLedger() };
  readonly faults: Faults = {
    isOffline: false,
    isKnownToBeOffline: false,
    secretsFail: false,
    journalWritesFail: false,
    journalReadsFail: false,
    storageFailsNextForMs: 0,
    lostAnswers: 0,
    lostNews: 0,
    troubles: new Map(),
  };
  readonly issuers: Issuer[] = [];
  readonly places: readonly Place[];
  readonly judge: Judge;

  constructor(
    readonly dice: Dice,
    credentialCount: number,
  ) {
    const nowMs = () => this.clock.nowMs();
    this.judge = new Judge(nowMs, this.issuers);
    this.secrets = new WatchedSecrets(this.clock, (name, value) => this.judge.stored(name, value));
    for (const [n, seconds] of lifetimesSeconds.entries())
      this.issuers.push(new Issuer(`https://as${n}.example`, seconds, nowMs, dice, this.judge));
    this.places = Array.from({ length: credentialCount }, (_, n) => this.#place(n));
  }

  /** Neighbours share an origin, so that a token could go astray within it. */
  #place(n: number): Place {
    const issuer = this.issuers[n % this.issuers.length];
    if (issuer === undefined) throw new RangeError('There is no issuer.');
    const id = `server${n}`;
    return { id, url: `https://rs${n >> 1}.example/${id}/mcp`, subject: `user${n % 7}`, issuer };
  }

  placeAt(url: string): Place | undefined {
    return this.places.find((place) => place.url === url);
  }

  /** The time as the computer has it. */
  wallMs(): number {
    return this.clock.nowMs() + this.clockIsAheadMs;
  }
}
