import type { Log } from '../../src/core/ports.js';
import { Dice } from './dice.js';
import { MonthWindow } from './month-window.js';
import { plant, type Mutation } from './mutations.js';
import { useQuickCrypto, useRealCrypto } from './quick-crypto.js';
import type { Seat } from './seat.js';
import { Unrest } from './unrest.js';
import { User } from './user.js';
import { World, type Place } from './world.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const ignore = () => undefined;
const noLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export interface MonthOptions {
  readonly seed: number;
  readonly days: number;
  readonly windows: number;
  readonly credentials: number;
  /** How many times as often the user signs out, and issuers and the storage are in trouble; once when undefined. */
  readonly haste?: number;
  readonly mutation?: Mutation;
  /** Everything that the windows log goes here. */
  readonly log?: Log;
  /** Ends the month at the first thing that should not have happened. */
  readonly stopsAtViolation?: boolean;
}

export interface MonthReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly realMs: number;
}

/** A month in the life of a user with many windows, in which everything goes wrong that can. */
export class Month {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #seats: readonly Seat[];
  readonly #log: Log;
  readonly #user: User;
  readonly #unrest: Unrest;

  private constructor(private readonly options: MonthOptions) {
    this.#dice = new Dice(options.seed);
    useQuickCrypto(this.#dice);
    this.#world = new World(this.#dice, options.credentials);
    this.#log = options.log ?? noLog;
    this.#seats = Array.from({ length: options.windows }, (_, n) => ({
      name: `window ${n}`,
      places: this.#world.places.filter((place) => place.isIn(n)),
      signedOut: new Set<Place>(),
      signedInAtMs: new Map<string, number>(),
      window: undefined,
      runs: 0,
    }));
    this.#user = new User(this.#world, this.#seats, this.#log);
    const close = (seat: Seat) => this.#close(seat);
    const { haste = 1 } = options;
    this.#unrest = new Unrest({ world: this.#world, seats: this.#seats, user: this.#user, close, haste });
  }

  static async run(options: MonthOptions): Promise<MonthReport> {
    const startedAtMs = performance.now();
    const month = new Month(options);
    const mend = options.mutation === undefined ? undefined : plant(options.mutation);
    try {
      await month.#live();
    } finally {
      mend?.();
      useRealCrypto();
    }
    const { judge, issuers } = month.#world;
    judge.count(
      'renewals at the issuers',
      issuers.map(({ renewals }) => renewals).reduce((a, b) => a + b, 0),
    );
    const { seed } = options;
    return {
      seed,
      violations: judge.violations,
      counts: judge.counts,
      realMs: performance.now() - startedAtMs,
    };
  }

  async #live(): Promise<void> {
    const { clock, faults, judge } = this.#world;
    const endAtMs = clock.nowMs() + this.options.days * dayMs;
    for (const seat of this.#seats) this.#open(seat);
    await this.#goOn(() => this.#seats.every(({ window }) => window?.isQuiet === true), hourMs);
    // Once for all that share it.
    const places = new Map(this.#world.places.map((place) => [place.credential, place])).values();
    for (const place of places) {
      const first = this.#seats.find((seat) => seat.places.includes(place));
      if (first !== undefined) this.#user.signIn(first, place);
    }
    await this.#goOn(() => !this.#user.isSigningIn, hourMs);
    this.#unrest.begin();
    this.#unrest.again(24 * 4, () => this.#lookAtQuietWindows());
    this.#unrest.again(48, () => judge.lookForLeftovers(this.#world.inUse(), hourMs / 3));
    this.#unrest.again(12, () => {
      if (!faults.journalWritesFail && !faults.journalReadsFail) judge.lookForUndoneRemovals(hourMs);
    });
    await this.#goOn(() => clock.nowMs() >= endAtMs);
    if (!this.#isOver()) await this.#calmDown();
  }

  /** Lets time pass until `isDone`. */
  async #goOn(isDone: () => boolean, limitMs = Infinity): Promise<void> {
    const { clock } = this.#world;
    const endAtMs = clock.nowMs() + limitMs;
    while (!isDone() && clock.nowMs() < endAtMs && !this.#isOver()) {
      if (!clock.step()) return;
      await new Promise((resolve) => setImmediate(resolve));
      this.#look();
    }
  }

  #isOver(): boolean {
    return this.options.stopsAtViolation === true && this.#world.judge.violations.length > 0;
  }

  // What must hold after every step.

  #look(): void {
    const { judge } = this.#world;
    for (const { window } of this.#seats) {
      if (window === undefined || window.isGone) continue;
      const { timers, counters } = window;
      judge.highest('most timers of one window', timers);
      const [queued, running] = [counters.get('refreshes.queued'), counters.get('refreshes.running')];
      judge.highest('most renewals that waited in one window', queued);
      judge.highest('most renewals at once in one window', running);
      if (timers > 3 * this.options.credentials) judge.violated(`${window.name} has ${timers} timers.`);
      if (queued > 100) judge.violated(`${window.name} has ${queued} renewals that wait.`);
    }
  }

  /** A window that does nothing needs one timer for all its credentials, and one for what the journal did not take. */
  #lookAtQuietWindows(): void {
    const { judge } = this.#world;
    for (const { window } of this.#seats) {
      if (window === undefined || window.isGone || window.isFrozen || !window.isQuiet) continue;
      judge.highest('most timers of a quiet window', window.timers);
      if (window.timers > 4) judge.violated(`${window.name} does nothing and has ${window.timers} timers.`);
    }
  }

  // Windows.

  #open(seat: Seat): void {
    const { judge } = this.#world;
    seat.runs += 1;
    const window = new MonthWindow(
      `${seat.name}.${seat.runs}`,
      this.#world,
      `file:///${seat.name}`,
      seat.places,
      (step) => {
        if (step === 'closed') return;
        judge.count('crashes');
        judge.count(`crashes when: ${step}`);
        this.#reopen(seat);
      },
      this.#logOf(`${seat.name}.${seat.runs}`),
    );
    seat.window = window;
    window.broker.onSignInWanted(({ server }) => {
      const place = seat.places.find(({ id }) => id === server);
      if (place !== undefined) this.#user.wanted(seat, window, place);
    });
    window.open().catch((error: unknown) => judge.violated(`Opening a window fails: ${String(error)}`));
  }

  #logOf(name: string): Log {
    const { log } = this.options;
    if (log === undefined) return this.#log;
    const say = (level: keyof Log) => (message: string) =>
      log[level](`${new Date(this.#world.clock.nowMs()).toISOString()} ${name}: ${message}`);
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  }

  #reopen(seat: Seat): void {
    seat.window = undefined;
    this.#world.clock.after(this.#user.isCalm ? 1_000 : this.#dice.between(1_000, hourMs), () =>
      this.#open(seat),
    );
  }

  async #close(seat: Seat): Promise<void> {
    const { window } = seat;
    if (window === undefined || window.isGone) return;
    seat.window = undefined;
    await window.close();
    this.#reopen(seat);
  }

  // The end of the month.

  /** Everything works again: what can be used must be used, by every window. */
  async #calmDown(): Promise<void> {
    const { clock, judge, places } = this.#world;
    this.#unrest.end();
    const from = clock.nowMs();
    await this.#goOn(() => clock.nowMs() - from > 2 * hourMs);
    for (const seat of this.#seats) void this.#close(seat);
    const reopened = clock.nowMs();
    await this.#goOn(() => clock.nowMs() - reopened > 10 * minuteMs);
    judge.lookForLeftovers(this.#world.inUse(), 0);
    for (const credential of new Set(places.map((place) => place.credential)))
      judge.count(`credentials that are ${judge.isUsable(credential) ? 'alive' : 'dead'} at the end`);
    for (const place of places) {
      if (!judge.isUsable(place.credential)) continue;
      for (const seat of this.#seats) await this.#tryAtTheEnd(seat, place);
    }
    this.#lookAtQuietWindows();
  }

  async #tryAtTheEnd({ window, signedOut, places, name }: Seat, place: Place): Promise<void> {
    const { judge } = this.#world;
    if (!places.includes(place) || signedOut.has(place)) return;
    let outcome: string | undefined;
    void window?.call(place).then((ended) => {
      outcome = ended;
    });
    await this.#goOn(() => outcome !== undefined, minuteMs);
    if (outcome !== 'done' && !judge.isForgotten(place.credential))
      judge.violated(
        `At the end, a call from ${name} to ${place.url} is answered with ${outcome ?? 'nothing'}.`,
      );
  }
}
