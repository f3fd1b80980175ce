import type { SignOutExtent, SignOutResult } from '../../src/broker/sign-in/sign-outs.js';
import type { Log } from '../../src/core/ports.js';
import type { ServerId } from '../../src/core/server.js';
import type { MonthWindow } from './month-window.js';
import { anyWindow, type Seat } from './seat.js';
import { signInTakesMs } from './sign-out-book.js';
import type { Place, World } from './world.js';

const minuteMs = 60_000;

const ignore = () => undefined;

/** Who sits before the windows: calls, signs in when asked, and signs out of this and that. */
export class User {
  /** The servers that they are signing in for. */
  readonly #signingIn = new Set<Place>();
  /** Whether they do at once what they are asked for. */
  isCalm = true;

  constructor(
    private readonly world: World,
    private readonly seats: readonly Seat[],
    private readonly log: Log,
  ) {}

  get isSigningIn(): boolean {
    return this.#signingIn.size > 0;
  }

  /** A window says that only they can help `place`. */
  wanted(seat: Seat, window: MonthWindow, place: Place): void {
    const { clock, faults, judge } = this.world;
    if (!seat.signedOut.has(place)) judge.signInAsked(window, place.credential, !faults.journalReadsFail);
    judge.count('times that a window asked for a sign-in');
    clock.after(this.isCalm ? 1_000 : this.world.dice.between(10_000, 30 * minuteMs), () => {
      const isOpen = seat.window === window && !window.isGone && !window.isFrozen;
      const state = isOpen ? window.broker.state(place.id as ServerId).kind : 'ready';
      // Nobody signs in for what he has just signed out of.
      const isLeft = seat.signedOut.has(place) && !this.isCalm && this.world.dice.chance(0.5);
      if (['signed-out', 'needs-sign-in'].includes(state) && !isLeft) this.signIn(seat, place);
    });
  }

  /** They sign in for `place`, unless they are about to. */
  signIn(seat: Seat, place: Place): void {
    const { window } = seat;
    const { judge, clock } = this.world;
    if (window === undefined || window.isGone || this.#signingIn.has(place)) return;
    const loss = judge.lossOf(place.credential);
    this.#signingIn.add(place);
    seat.signedInAtMs.set(place.credential, clock.nowMs());
    judge.signsIn(place.credential, window);
    // A window that dies meanwhile leaves nobody waiting.
    clock.after(signInTakesMs, () => this.#signingIn.delete(place));
    window.broker.signIn(place.id as ServerId, this.world.dice.chance(0.5) ? 'same' : 'any').then(
      () => {
        this.#signingIn.delete(place);
        this.#used(seat, window, place);
        judge.count('sign-ins');
        judge.count(`sign-ins because: ${loss}`);
      },
      (error: unknown) => {
        this.#signingIn.delete(place);
        judge.count('sign-ins that failed');
        this.log.debug(`A sign-in failed: ${String(error)}`);
      },
    );
  }

  /** One sign-out, often in the middle of a renewal, and what else is done to the same credential before it is seen. */
  signOut(): void {
    const place = this.#somePlace();
    const open = this.#anyWindowWith(place.credential);
    if (open === undefined) return;
    const { seat, window } = open;
    if (this.world.dice.chance(0.7)) void window.broker.refreshNow(open.place.id as ServerId).catch(ignore);
    this.#soon(() => this.#leave(seat, window, open.place));
    while (this.world.dice.chance(0.5)) {
      const other = this.#anyWindowWith(place.credential);
      if (other === undefined) continue;
      if (this.world.dice.chance(0.3)) this.#soon(() => this.signIn(other.seat, other.place));
      else this.#soon(() => this.#leave(other.seat, other.window, other.place));
    }
  }

  /** Half of the time one of those that share their credential, or that few workspaces have. */
  #somePlace(): Place {
    const { dice, places } = this.world;
    const rare = places.filter(({ isRare }) => isRare);
    return dice.pick(rare.length > 0 && dice.chance(0.5) ? rare : places);
  }

  /** One of the windows that have a server which uses `credential`, and that server. */
  #anyWindowWith(credential: string) {
    const seats = this.seats.filter(({ places }) => places.some((one) => one.credential === credential));
    const open = anyWindow(seats, this.world.dice);
    if (open === undefined) return undefined;
    const places = open.seat.places.filter((one) => one.credential === credential);
    return { ...open, place: this.world.dice.pick(places) };
  }

  #soon(act: () => void): void {
    this.world.clock.after(this.world.dice.between(0, 1_000), act);
  }

  #leave(seat: Seat, window: MonthWindow, place: Place): void {
    if (seat.window !== window || window.isGone || window.isFrozen) return;
    const extent = this.world.dice.pick(['server', 'server', 'account', 'grant'] as const);
    this.#click(seat, window, place, extent);
    // Another click before anything is seen of the first.
    if (this.world.dice.chance(0.3)) this.#click(seat, window, place, extent);
  }

  #click(seat: Seat, window: MonthWindow, place: Place, extent: SignOutExtent): void {
    const { judge, clock } = this.world;
    const { credential, id } = place;
    const sharing = seat.places.filter((one) => one.credential === credential);
    const leaving = extent === 'server' ? [place] : sharing;
    const staying = sharing.filter((one) => !leaving.includes(one) && isBound(window, one));
    const askedAtMs = clock.nowMs();
    const users = leaving.map((one) => userOf(seat, one));
    const asked = judge.signsOut(credential, extent, window, users);
    for (const one of leaving) seat.signedOut.add(one);
    const look = (result: SignOutResult) => {
      // A sign-in that was under way may have bound them again.
      const isSignedIn = (seat.signedInAtMs.get(credential) ?? -Infinity) >= askedAtMs - signInTakesMs;
      const isLeft = result !== 'was-signed-out' && !isSignedIn;
      for (const one of leaving)
        if (isLeft && isBound(window, one))
          judge.violated(`${window.name} still uses ${one.id} after a sign-out (${extent}, ${result}).`);
      for (const one of staying)
        if (!seat.signedOut.has(one) && judge.isUsable(credential) && !isBound(window, one))
          judge.violated(`A sign-out of ${id} has taken ${one.id} along in ${window.name}.`);
    };
    const say = (what: string) => {
      this.log.debug(`${window.name} signs out of ${id} (${extent}): ${what}.`);
    };
    say('begins');
    window.broker.signOut(id as ServerId, extent).then(
      (result) => {
        say(result);
        judge.signedOut(asked, result);
        look(result);
      },
      (error: unknown) => {
        judge.count('sign-outs that failed');
        say(String(error));
      },
    );
  }

  /** A call of the editor for them. */
  call(): void {
    const open = anyWindow(this.seats, this.world.dice);
    if (open === undefined) return;
    const { seat, window } = open;
    const place = this.world.dice.pick(seat.places);
    void window.call(place).then((outcome) => {
      if (outcome === 'sign-in wanted' && !window.isGone) window.broker.wantSignIn(place.id as ServerId);
      if (outcome === 'done') this.#used(seat, window, place);
    });
  }

  /** What a window has begun to use, it has written down a moment later. */
  #used(seat: Seat, window: MonthWindow, place: Place): void {
    this.world.clock.after(5_000, () => {
      if (window.isGone || window.isFrozen || !isBound(window, place)) return;
      seat.signedOut.delete(place);
      this.world.judge.uses(place.credential, userOf(seat, place));
    });
  }
}

/** A server in a workspace. */
const userOf = (seat: Seat, place: Place): string => `${place.id} in ${seat.name}`;

const isBound = ({ broker }: MonthWindow, { id }: Place): boolean =>
  broker.account(id as ServerId) !== undefined;
