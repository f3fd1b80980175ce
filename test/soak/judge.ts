import type { SignOutExtent, SignOutResult } from '../../src/broker/sign-in/sign-outs.js';
import { nameOf, type Asked, type Asker, type Family } from './issuer.js';
import type { Issuer, IssuerEvents, RefreshToken } from './issuer.js';
import { credentialOf, KeptRecords } from './kept-records.js';
import { causeOf } from './presented-again.js';
import { hasStoodStill, SignOutBook, type Leaving } from './sign-out-book.js';
import type { Place } from './world.js';

/** How long the news of a sign-in may take to every window. */
const newsTakeMs = 60_000;

/** How long after a window moves again what it had begun to write may become durable. */
const saveTakesMs = 5_000;

/** Knows the truth from the issuers, looks at everything that is kept, and says what should not have happened. */
export class Judge implements IssuerEvents {
  readonly violations: string[] = [];
  readonly kept: KeptRecords;
  readonly #counts = new Map<string, number>();
  readonly #book = new SignOutBook();
  /** How much has gone wrong outside of the windows. */
  #troubles = 0;
  /** When each credential was seen first that nobody uses. */
  readonly #unusedSinceMs = new Map<string, number>();
  /** When something that can be renewed with was kept first, without a break since, by credential. */
  readonly #usableSinceMs = new Map<string, number>();
  /** The credentials that SecretStorage has forgotten, until there is a new sign-in. */
  readonly #forgotten = new Set<string>();

  constructor(
    private readonly nowMs: () => number,
    private readonly issuers: readonly Issuer[],
  ) {
    this.kept = new KeptRecords(issuers, (key, change) => this.#look(key, change));
  }

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
    if (/^(faults|sleeps|freezes|clock jumps)/.test(what)) this.#troubles += by;
  }

  /** The largest value that was seen. */
  highest(what: string, value: number): void {
    if (value > (this.#counts.get(what) ?? 0)) this.#counts.set(what, value);
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  violated(what: string): void {
    this.count('violations');
    this.violations.push(`${new Date(this.nowMs()).toISOString()} ${what}`);
  }

  // What an issuer has seen.

  presentedAgain(token: RefreshToken, asked: Asked): void {
    const { family } = token;
    const { by } = asked;
    const [first] = token.presentations;
    // A window that has not heard of a sign-out yet does no harm any more.
    if (first?.successor === undefined || family.deathCause === 'signed out') {
      this.count('tokens of dead grants presented again');
      return;
    }
    const cause = causeOf(first.successor, asked, this.nowMs());
    this.count(`refresh tokens presented twice: ${cause ?? 'without need'}`);
    if (cause === undefined) {
      this.violated(
        `${by.name} presents a refresh token of ${nameOf(family)} that ${first.by.name} has presented ` +
          `${Math.round((this.nowMs() - first.atMs) / 1000)} s before; its successor is ` +
          `${first.successor.wasSaved ? 'saved' : first.answer}.`,
      );
    }
    family.issuer.end(family, cause ?? 'presented twice without need');
  }

  revoked(family: Family, by: Asker): void {
    if (family.deathCause !== undefined) return;
    this.count('grants ended by a sign-out');
    if (!this.#book.mayEnd(family, by))
      this.violated(`${by.name} has revoked the grant of ${nameOf(family)}, which nobody had asked it for.`);
  }

  misdirected(what: string): void {
    this.violated(`Something was sent where it does not belong: ${what}.`);
  }

  // What is kept.

  /** SecretStorage has lost everything, the key of the journal included. */
  forgot(): void {
    for (const credential of this.kept.forgot()) this.#forgotten.add(credential);
    this.#usableSinceMs.clear();
  }

  /**
   * The user signs out of `credential`. Until that has ended, a window may die in the middle of it.
   * @param users - the servers that are signed out, each in its workspace
   */
  signsOut(credential: string, extent: SignOutExtent, by: Asker, users: readonly string[]): Leaving {
    const leaving = { credential, extent, by, askedAtMs: this.nowMs(), troubles: this.#troubles };
    this.#book.begins(leaving, users);
    return leaving;
  }

  signedOut(leaving: Leaving, result: SignOutResult): void {
    this.count(`sign-outs: ${result}`);
    if (result === 'left' || result === 'superseded' || result === 'was-signed-out') {
      this.#book.isVoid(leaving);
      return;
    }
    leaving.endedAtMs = this.nowMs();
    const isAlive =
      leaving.gone !== undefined && leaving.gone.family.deathCause === undefined && !hasStoodStill(leaving);
    const couldBeTold = leaving.troubles === this.#troubles;
    if (isAlive && (result === 'revoked' || (result === 'forgotten' && couldBeTold)))
      this.violated(`The grant of ${leaving.credential} lives on, whose sign-out has ended with ${result}.`);
  }

  /** The user begins to sign in for `credential` in the window `by`. */
  signsIn(credential: string, by: Asker): void {
    this.#book.signInBegins(credential, by, this.nowMs());
  }

  /** A server in a workspace has had the time to write down that it uses `credential`. */
  uses(credential: string, user: string): void {
    this.#book.uses(credential, user, this.nowMs());
  }

  isSignedOut(credential: string): boolean {
    return this.#book.isToGo(credential);
  }

  isForgotten(credential: string): boolean {
    return this.#forgotten.has(credential);
  }

  /** Whether what is kept for `credential` can be renewed with, and every window has had the time to know. */
  isUsable(credential: string, forMs = newsTakeMs): boolean {
    return [...this.#usableSinceMs].some(
      ([key, sinceMs]) =>
        credentialOf(key) === credential &&
        this.kept.usable(key) !== undefined &&
        this.nowMs() - sinceMs >= forMs,
    );
  }

  /** Whether a sign-out that happened so long ago has left something that a window could use. */
  lookForUndoneRemovals(afterMs: number): void {
    for (const leaving of this.#book.all()) {
      const { credential, endedAtMs } = leaving;
      if (endedAtMs === undefined || this.nowMs() - endedAtMs < afterMs) continue;
      const kept = this.kept.keysOf(credential).map((key) => this.kept.newest(key));
      // What another registration was granted has not gone with it.
      const clientId = leaving.gone?.family.clientId;
      const back = kept.find(
        (one) =>
          one?.kind === 'alive' &&
          (clientId === undefined || (one.refreshToken?.family.clientId ?? clientId) === clientId),
      );
      if (back === undefined) continue;
      // A sign-in that they had begun before may have come to its end after it.
      const savedAtMs = back.refreshToken?.family.savedAtMs ?? -Infinity;
      if (savedAtMs < (leaving.gone?.atMs ?? endedAtMs))
        this.violated(`The removal of ${credential} was undone.`);
      this.#book.isVoid(leaving);
    }
  }

  /**
   * Whether something is kept that no server in any workspace uses, for so long now.
   * @param inUse - what those use, as it is written down
   */
  lookForLeftovers(inUse: ReadonlySet<string>, afterMs: number): void {
    for (const credential of new Set([...this.#usableSinceMs.keys()].map(credentialOf))) {
      const families = this.kept.keysOf(credential).map((key) => this.kept.usable(key)?.family);
      // A window that died in a sign-out has left everything where it was, and in a sign-in nobody to use it.
      const isCutShort =
        this.#book.of(credential).some(({ endedAtMs }) => endedAtMs === undefined) ||
        families.some((family) => family?.by.isGone === true && family.wasLent !== true);
      if (inUse.has(credential) || isCutShort || !this.isUsable(credential, 0)) {
        this.#unusedSinceMs.delete(credential);
        continue;
      }
      const sinceMs = this.#unusedSinceMs.get(credential) ?? this.nowMs();
      this.#unusedSinceMs.set(credential, sinceMs);
      if (this.nowMs() - sinceMs < afterMs) continue;
      this.#unusedSinceMs.set(credential, Infinity);
      this.violated(`What is kept for ${credential} is left over: nobody uses it.`);
    }
  }

  // What windows do.

  /** A window gave out `text` for a call to `place`. @returns whether that takes it */
  lent(by: Asker, { credential }: Pick<Place, 'credential'>, text: string): boolean {
    this.count('calls with a token');
    const token = this.issuers.map((issuer) => issuer.accessToken(text)).find((found) => found !== undefined);
    if (token === undefined) {
      this.count('calls with a token of long ago');
      return false;
    }
    if (nameOf(token.family) !== credential)
      this.violated(`${by.name} gives out a token of ${nameOf(token.family)} instead of ${credential}.`);
    if (this.#isLongGone(credential))
      this.violated(`${by.name} gives out a token of ${credential}, which is signed out.`);
    token.family.wasLent = true;
    const { beside } = token;
    const isExcused = beside.wasSaved || by.saveFailedAtMs >= beside.given.atMs;
    if (!beside.wasSaved) this.count('calls with a token whose successor is only in memory');
    if (!isExcused) this.violated(`${by.name} gives out a token of ${credential} that is not saved.`);
    return token.family.issuer.isGood(token);
  }

  /** Whether everybody has had the time to know that `credential` was signed out of, and nothing has gone wrong since. */
  #isLongGone(credential: string): boolean {
    const isKnown = this.#book
      .of(credential)
      .some(
        ({ endedAtMs, troubles }) =>
          troubles === this.#troubles && this.nowMs() - (endedAtMs ?? Infinity) >= newsTakeMs,
      );
    return isKnown && this.isSignedOut(credential) && !this.isUsable(credential, 0);
  }

  /** A window needs the user for `credential`. @param canKnow - whether it can look what there is */
  signInAsked(by: Asker, credential: string, canKnow: boolean): void {
    const isNeedless =
      !this.isSignedOut(credential) && !this.isForgotten(credential) && this.isUsable(credential);
    if (!isNeedless) return;
    if (!canKnow) {
      this.count('sign-ins asked by a window that could not look');
      return;
    }
    // A window that died between saving a sign-in and removing what it replaces leaves two grants for one account.
    const present = this.kept.keysOf(credential).filter((key) => this.kept.newest(key)?.kind !== 'removed');
    if (present.length > 1) {
      this.count('sign-ins asked although another registration has a grant');
      return;
    }
    this.count('sign-ins asked without need');
    this.violated(`${by.name} asks to sign in for ${credential}, which was not needed.`);
  }

  /** Why nobody can renew for `credential`, in words. */
  lossOf(credential: string): string {
    if (this.isSignedOut(credential)) return 'signed out by the user';
    if (this.isForgotten(credential)) return 'forgotten by SecretStorage';
    const family = this.#families(credential).at(-1);
    if (family === undefined) return 'first sign-in';
    return family.deathCause ?? 'in this workspace only';
  }

  #families(credential: string): readonly Family[] {
    return this.issuers.flatMap(({ families }) => families.filter((family) => nameOf(family) === credential));
  }

  /** What is kept under `key` changes by `change`. */
  #look(key: string, change: () => void): void {
    const credential = credentialOf(key);
    const before = this.kept.usable(key);
    const family = this.kept.newest(key)?.refreshToken?.family;
    change();
    const kept = this.kept.newest(key);
    if (kept?.refreshToken !== undefined) this.#saved(kept.refreshToken);
    if (kept?.kind === 'removed' && family !== undefined)
      for (const leaving of this.#book.of(credential))
        if (leaving.endedAtMs === undefined) leaving.gone ??= { family, atMs: this.nowMs() };
    const after = this.kept.usable(key);
    if (after !== undefined) {
      if (before === undefined) this.#usableSinceMs.set(key, this.nowMs());
      return;
    }
    this.#usableSinceMs.delete(key);
    // What could be renewed with must not go but by renewing, by the user or by the issuer.
    if (this.isSignedOut(credential) || this.isForgotten(credential)) return;
    // A sign-in under another registration has taken its place.
    if (this.isUsable(credential, 0)) return;
    // It had looked whether it may write before it stood still.
    if (this.nowMs() - (kept?.refreshToken?.given.by.thawedAtMs ?? -Infinity) < saveTakesMs) {
      this.count('what was kept was overwritten by a window that had stood still');
      return;
    }
    if (before === undefined) {
      // What comes in the place of a token that is spent must not go with it, either.
      const isAlive = family !== undefined && family.deathCause === undefined;
      if (isAlive && kept?.kind === 'removed')
        this.violated(
          `What was kept for ${credential} was removed in a renewal, which nobody had asked for.`,
        );
      return;
    }
    this.violated(
      `What was kept for ${credential} could be renewed with, and is now ${kept?.kind ?? 'gone'}` +
        `${kept?.refreshToken === undefined ? '' : ' and older'}.`,
    );
  }

  #saved(token: RefreshToken): void {
    token.wasSaved = true;
    const { family } = token;
    if (family.savedAtMs !== undefined) return;
    family.savedAtMs = this.nowMs();
    this.#book.signedIn(family);
    this.#forgotten.delete(nameOf(family));
  }
}
