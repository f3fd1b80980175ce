import type { SignOutExtent } from '../../src/broker/sign-in/sign-outs.js';
import { nameOf, type Asker, type Family } from './issuer.js';

/** A sign-out, from when the user has asked for it. */
export interface Leaving {
  readonly credential: string;
  readonly extent: SignOutExtent;
  readonly by: Asker;
  readonly askedAtMs: number;
  /** How much had gone wrong in this month by then. */
  readonly troubles: number;
  /** What was stored when it went. */
  gone?: { readonly family: Family; readonly atMs: number };
  /** When the window said that it was gone; missing when it has not, or never will. */
  endedAtMs?: number;
}

/** Nobody stays in the browser for longer. */
export const signInTakesMs = 10 * 60_000;

/** Who has asked to sign in to what, and out of it, and who uses it: what may go, and what has to stay. */
export class SignOutBook {
  #leavings: Leaving[] = [];
  /** Those that were to end the grant, too, also when they are over. */
  readonly #endings: Leaving[] = [];
  readonly #signIns: { readonly credential: string; readonly by: Asker; readonly atMs: number }[] = [];
  /** Since when each user has used a credential, by credential. */
  readonly #users = new Map<string, Map<string, number>>();

  /** @param users - who is signed out with it: servers, each in a workspace */
  begins(leaving: Leaving, users: readonly string[]): void {
    this.#leavings.push(leaving);
    if (leaving.extent === 'grant') this.#endings.push(leaving);
    for (const user of users) this.#users.get(leaving.credential)?.delete(user);
  }

  /** It has left the credential where it is. */
  isVoid(leaving: Leaving): void {
    this.#leavings = this.#leavings.filter((one) => one !== leaving);
  }

  signInBegins(credential: string, by: Asker, nowMs: number): void {
    this.#signIns.push({ credential, by, atMs: nowMs });
  }

  /** What a sign-in has brought is saved: whatever the user has asked for before they began it is over. */
  signedIn(family: Family): void {
    const credential = nameOf(family);
    const beganAtMs = this.#beganAtMs(family);
    this.#leavings = this.#leavings.filter(
      (one) =>
        one.credential !== credential ||
        (one.endedAtMs === undefined && (one.askedAtMs >= beganAtMs || hasStoodStill(one))),
    );
  }

  uses(credential: string, user: string, nowMs: number): void {
    const users = this.#users.get(credential) ?? new Map<string, number>();
    this.#users.set(credential, users);
    if (!users.has(user)) users.set(user, nowMs);
  }

  /** The sign-outs of `credential` since its last sign-in. */
  of(credential: string): readonly Leaving[] {
    return this.#leavings.filter((one) => one.credential === credential);
  }

  all(): readonly Leaving[] {
    return this.#leavings;
  }

  /** Whether the user has asked for something by which `credential` goes: the last of its users leaves, or all do. */
  isToGo(credential: string): boolean {
    const users = [...(this.#users.get(credential)?.values() ?? [])];
    return this.of(credential).some(
      ({ extent, askedAtMs }) => extent !== 'server' || users.every((sinceMs) => sinceMs > askedAtMs),
    );
  }

  /** Whether the user has asked the window `by` for the end of this grant, or of one before the sign-in that brought it. */
  mayEnd(family: Family, by: Asker): boolean {
    const beganAtMs = this.#beganAtMs(family);
    return this.#endings.some(
      (one) =>
        one.by === by &&
        one.credential === nameOf(family) &&
        (beganAtMs <= one.askedAtMs || hasStoodStill(one)),
    );
  }

  /** When the user began the sign-in that `family` came from; of several at once, the first. */
  #beganAtMs(family: Family): number {
    const { by, bornAtMs } = family;
    const begun = this.#signIns
      .filter((one) => one.by === by && one.credential === nameOf(family))
      .map(({ atMs }) => atMs)
      .filter((atMs) => atMs <= bornAtMs && bornAtMs - atMs <= signInTakesMs);
    return Math.min(bornAtMs, ...begun);
  }
}

/** It goes on where it was, whatever has happened meanwhile. */
export const hasStoodStill = ({ by, askedAtMs }: Leaving): boolean =>
  by.isFrozen || by.thawedAtMs >= askedAtMs;
