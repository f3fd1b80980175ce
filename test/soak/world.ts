import type { IssuerDriver } from '../../src/core/issuer-driver.js';
import type { ServerAuth } from '../../src/core/server.js';
import { MemoryLedger } from '../../src/vault/ledgers/memory-ledger.js';
import { DesktopSecrets } from '../support/desktop-secrets.js';
import { FakeMemento } from '../support/fake-memento.js';
import { MemoryJournal } from '../support/memory-journal.js';
import { MemoryLeases } from '../support/memory-leases.js';
import type { Dice } from './dice.js';
import { emailOf, Issuer, nameOf } from './issuer.js';
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
  /** How likely a request is slow, without any other trouble. */
  slowRequests: number;
  /** How likely a window does not hear of a change. */
  lostNews: number;
  readonly troubles: Map<Issuer, Trouble>;
}

/** Everything works, and no issuer is in trouble. */
export const noFaults: Readonly<Omit<Faults, 'troubles'>> = {
  isOffline: false,
  isKnownToBeOffline: false,
  secretsFail: false,
  journalWritesFail: false,
  journalReadsFail: false,
  storageFailsNextForMs: 0,
  lostAnswers: 0,
  slowRequests: 0,
  lostNews: 0,
};

/** One server of the user, with the account that it is used with. */
export interface Place {
  readonly id: string;
  readonly url: string;
  readonly subject: string;
  readonly issuer: Issuer;
  readonly auth: ServerAuth;
  /** The credential that serves it. */
  readonly credential: string;
  /** Whether that serves others, too. */
  readonly isShared: boolean;
  /** Whether few workspaces have it, or several servers share its credential. */
  readonly isRare: boolean;
  /** Whether the workspace with this number has it. */
  readonly isIn: (workspace: number) => boolean;
}

/** How long an access token lives at each issuer. */
const lifetimesSeconds = [3_600, 2 * 3_600, 4 * 3_600, 12 * 3_600];

/** The tokens of this one name no audience, so that an account has one credential for all its servers. */
const sharedIssuer = { origin: 'https://accounts.example', lifetimeSeconds: 4 * 3_600 };
const sharedClient = 'our-client';

/** How many servers share a credential, one account after the other. */
const sharing = [2, 3, 4] as const;

interface BindingLine {
  readonly key: string;
  readonly atMs: number;
  readonly value?:
    | { readonly kind: 'signed-out' }
    | { readonly kind: 'bound'; readonly resource: string; readonly account: { readonly subject: string } };
}

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
  /** On any day some requests are slow; at the end none is, since each call must then be answered in time. */
  readonly faults: Faults = { ...noFaults, slowRequests: 0.01, troubles: new Map() };
  readonly issuers: Issuer[] = [];
  readonly places: readonly Place[];
  readonly judge: Judge;
  /** What is known of the issuer whose tokens name no audience. */
  readonly driver: IssuerDriver = {
    quirk: {
      issuer: sharedIssuer.origin,
      reason: 'Its tokens name no audience',
      noAudience: { origins: ['https://*.shared.example'] },
    },
    grantKinds: [],
    usualScopes: ['files'],
    missingScopes: (granted, wanted) => wanted.filter((scope) => !granted.includes(scope)),
    scopeText: () => undefined,
    refusalReason: () => undefined,
    request: () => Promise.reject(new Error('Nobody has a grant of its own there.')),
  };

  constructor(
    readonly dice: Dice,
    credentialCount: number,
  ) {
    const nowMs = () => this.clock.nowMs();
    this.judge = new Judge(nowMs, this.issuers);
    this.secrets = new WatchedSecrets(this.clock, (name, value) => this.judge.kept.stored(name, value));
    for (const [n, seconds] of lifetimesSeconds.entries())
      this.issuers.push(new Issuer(`https://as${n}.example`, seconds, nowMs, dice, this.judge));
    const sharedCount = Math.floor(credentialCount / 5);
    const own = Array.from({ length: credentialCount - sharedCount }, (_, n) => this.#place(n));
    const { origin, lifetimeSeconds } = sharedIssuer;
    const issuer = new Issuer(origin, lifetimeSeconds, nowMs, dice, this.judge);
    issuer.know(sharedClient);
    this.issuers.push(issuer);
    const shared = Array.from({ length: sharedCount }, (_, n) => sharedPlaces(issuer, n));
    this.places = [...own, ...shared.flat()];
  }

  /** Neighbours share an origin, so that a token could go astray within it. */
  #place(n: number): Place {
    const issuer = this.issuers[n % this.issuers.length];
    if (issuer === undefined) throw new RangeError('There is no issuer.');
    const id = `server${n}`;
    const url = `https://rs${n >> 1}.example/${id}/mcp`;
    const subject = `user${n % 7}`;
    return {
      id,
      url,
      subject,
      issuer,
      auth: {},
      credential: nameOf({ subject, resource: url }),
      isShared: false,
      // Most workspaces have most servers, and one or two have those that only few use.
      isRare: n % 3 === 1,
      isIn: n % 3 === 1 ? (one) => (one + n) % 4 === 0 : (one) => one < 2 || (one + n) % 4 !== 0,
    };
  }

  /** One of those that whoever is asked for in the browser signs in for. */
  placeOf(authorization: URL): Place | undefined {
    const resource = authorization.searchParams.get('resource');
    const hint = authorization.searchParams.get('login_hint');
    return this.places.find(({ url, issuer, auth, isShared }) =>
      isShared ? issuer.origin === resource && auth.account === hint : url === resource,
    );
  }

  placeAt(url: string): Place | undefined {
    return this.places.find((place) => place.url === url);
  }

  /** The credentials that any server in any workspace is written down to use. */
  inUse(): ReadonlySet<string> {
    const changes = this.ledgers.bindings.lines.map((line) => JSON.parse(line) as BindingLine);
    const last = new Map(changes.sort((a, b) => a.atMs - b.atMs).map(({ key, value }) => [key, value]));
    const used = new Set<string>();
    for (const value of last.values())
      if (value?.kind === 'bound') used.add(nameOf({ resource: value.resource, ...value.account }));
    return used;
  }

  /** The time as the computer has it. */
  wallMs(): number {
    return this.clock.nowMs() + this.clockIsAheadMs;
  }
}

/** The servers of one account, which share its credential. */
function sharedPlaces(issuer: Issuer, n: number): readonly Place[] {
  const subject = `person${n}`;
  const auth = { clientId: sharedClient, account: emailOf(subject), scopes: ['files'] };
  return Array.from({ length: sharing[n % sharing.length] ?? 2 }, (_, at) => {
    const id = `shared${n}-${at}`;
    const credential = nameOf({ subject, resource: issuer.origin });
    return {
      id,
      url: `https://${id}.shared.example/mcp`,
      subject,
      issuer,
      auth,
      credential,
      isShared: true,
      isRare: true,
      // Some workspaces have all of them, and some only the first of an account.
      isIn: (one) => (one + n) % 4 === 0 || ((one + n) % 4 === 1 && at === 0 && n > 0),
    };
  });
}
