import type { SignOutExtent } from '../../src/broker/sign-outs.js';
import type { Asked, Asker, Family, Issuer, IssuerEvents, RefreshToken } from './issuer.js';
import { unsealed } from './quick-crypto.js';

/** What is kept about one credential, where a crash of all windows would leave it. */
interface Kept {
  readonly generation: number;
  readonly kind: 'alive' | 'refused' | 'removed';
  readonly refreshToken?: RefreshToken;
}

/** How long the news of a sign-in may take to every window. */
const newsTakeMs = 60_000;

/** A window stands still for a minute at most, and its request may take as long again. */
const takeoverTakesMs = 150_000;

/** Knows the truth from the issuers, looks at everything that is kept, and says what should not have happened. */
export class Judge implements IssuerEvents {
  readonly violations: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #journal = new Map<string, Kept>();
  readonly #secrets = new Map<string, Kept>();
  /** When the user signed out, by resource. */
  readonly #signedOutAtMs = new Map<string, number>();
  /** When the user asked last for a sign-out that ends the grant, too, by resource. */
  readonly #grantEndsAtMs = new Map<string, number>();
  /** When something that can be renewed with was kept first, without a break since, by credential. */
  readonly #usableSinceMs = new Map<string, number>();
  /** The resources whose tokens SecretStorage has forgotten, until there is a new sign-in. */
  readonly #forgotten = new Set<string>();

  constructor(
    private readonly nowMs: () => number,
    private readonly issuers: readonly Issuer[],
  ) {}

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
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
    if (first?.successor === undefined) {
      this.count('tokens of dead grants presented again');
      return;
    }
    const cause = causeOf(first.successor, asked, this.nowMs());
    this.count(`refresh tokens presented twice: ${cause ?? 'without need'}`);
    if (cause === undefined) {
      this.violated(
        `${by.name} presents a refresh token for ${family.resource} that ${first.by.name} has presented ` +
          `${Math.round((this.nowMs() - first.atMs) / 1000)} s before; its successor is ` +
          `${first.successor.wasSaved ? 'saved' : first.answer}.`,
      );
    }
    family.issuer.end(family, cause ?? 'presented twice without need');
  }

  revoked({ resource, bornAtMs, deathCause }: Family): void {
    if (deathCause !== undefined) return;
    this.count('grants ended by a sign-out');
    if ((this.#grantEndsAtMs.get(resource) ?? -Infinity) < bornAtMs)
      this.violated(`The grant for ${resource} was revoked, which nobody had asked for.`);
  }

  misdirected(what: string): void {
    this.violated(`Something was sent where it does not belong: ${what}.`);
  }

  // What is kept.

  /** The journal's text under `name`, after it was written. Notes and probes beside the entries keep nothing. */
  journalled(name: string, text: string): void {
    if (!/^[0-9a-f]{32}$/.test(name)) return;
    const entry = JSON.parse(text) as {
      readonly generation: number;
      readonly resource: string;
      readonly clientId: string;
      readonly content: { readonly kind: string; readonly data: string };
    };
    const { generation, resource, clientId, content } = entry;
    const key = JSON.stringify([clientId, resource]);
    const kept: Kept =
      content.kind === 'removed'
        ? { generation, kind: 'removed' }
        : this.#kept(JSON.parse(unsealed(content.data) ?? '{}') as StoredRecord);
    this.#change(key, resource, () => this.#journal.set(key, kept));
  }

  /** SecretStorage's value under `name`, after it has become durable. */
  stored(name: string, value: string | undefined): void {
    if (!name.startsWith('credential:')) return;
    const [, clientId, , resource = ''] = JSON.parse(name.slice('credential:'.length)) as string[];
    const key = JSON.stringify([clientId, resource]);
    this.#change(key, resource, () => {
      if (value === undefined) this.#secrets.delete(key);
      else this.#secrets.set(key, this.#kept(JSON.parse(value) as StoredRecord));
    });
  }

  /** SecretStorage has lost everything, the key of the journal included. */
  forgot(): void {
    for (const [key, { kind }] of [...this.#journal, ...this.#secrets]) {
      if (kind !== 'removed') this.#forgotten.add(resourceOf(key));
    }
    for (const [key, { kind }] of this.#journal) if (kind !== 'removed') this.#journal.delete(key);
    this.#secrets.clear();
    this.#usableSinceMs.clear();
  }

  /**
   * The user signs out. Until that has ended, a window may die in the middle of it.
   * @returns puts it back as it was: the credential stays, since others use it
   */
  signsOut(resource: string, extent: SignOutExtent): () => void {
    const before = this.#signedOutAtMs.get(resource);
    this.#signedOutAtMs.set(resource, Infinity);
    if (extent === 'grant') this.#grantEndsAtMs.set(resource, this.nowMs());
    return () => {
      if (before === undefined) this.#signedOutAtMs.delete(resource);
      else this.#signedOutAtMs.set(resource, before);
    };
  }

  signedOut(resource: string): void {
    if (this.#signedOutAtMs.has(resource)) this.#signedOutAtMs.set(resource, this.nowMs());
  }

  nobodyToSignOut(resource: string): void {
    this.#signedOutAtMs.delete(resource);
  }

  signedIn(resource: string): void {
    this.#signedOutAtMs.delete(resource);
    this.#forgotten.delete(resource);
  }

  isSignedOut(resource: string): boolean {
    return this.#signedOutAtMs.has(resource);
  }

  isForgotten(resource: string): boolean {
    return this.#forgotten.has(resource);
  }

  /** Whether what is kept for `resource` can be renewed with, and every window has had the time to know. */
  isUsable(resource: string, forMs = newsTakeMs): boolean {
    return [...this.#usableSinceMs].some(
      ([key, sinceMs]) =>
        resourceOf(key) === resource && this.#usable(key) !== undefined && this.nowMs() - sinceMs >= forMs,
    );
  }

  /** Whether a sign-out that happened so long ago has left something that a window could use. */
  lookForUndoneRemovals(afterMs: number): void {
    for (const [resource, atMs] of this.#signedOutAtMs) {
      if (this.nowMs() - atMs < afterMs) continue;
      for (const key of new Set([...this.#journal.keys(), ...this.#secrets.keys()])) {
        const kept = this.#newest(key);
        if (resourceOf(key) !== resource || kept?.kind !== 'alive') continue;
        // A window that died may have saved a later sign-in, of which nobody was told.
        if ((kept.refreshToken?.family.bornAtMs ?? 0) > atMs) this.signedIn(resource);
        else this.violated(`The removal of ${resource} was undone.`);
        this.#signedOutAtMs.delete(resource);
      }
    }
  }

  // What windows do.

  /** A window gave out `text` for a call to `resource`. @returns whether the resource takes it */
  lent(by: Asker, resource: string, text: string): boolean {
    this.count('calls with a token');
    const token = this.issuers.map((issuer) => issuer.accessToken(text)).find((found) => found !== undefined);
    if (token === undefined) {
      this.count('calls with a token of long ago');
      return false;
    }
    if (token.family.resource !== resource)
      this.violated(`${by.name} gives out a token of ${token.family.resource} for ${resource}.`);
    const { beside } = token;
    const isExcused = beside.wasSaved || by.saveFailedAtMs >= beside.given.atMs;
    if (!beside.wasSaved) this.count('calls with a token whose successor is only in memory');
    if (!isExcused) this.violated(`${by.name} gives out a token of ${resource} that is not saved.`);
    return token.family.issuer.isGood(token);
  }

  /** A window needs the user for `resource`. */
  signInAsked(by: Asker, resource: string): void {
    const isNeedless = !this.isSignedOut(resource) && !this.isForgotten(resource) && this.isUsable(resource);
    if (!isNeedless) return;
    // A window that died between saving a sign-in and removing what it replaces leaves two grants for one account.
    const keys = [...new Set([...this.#journal.keys(), ...this.#secrets.keys()])];
    const present = keys.filter(
      (key) => resourceOf(key) === resource && this.#newest(key)?.kind !== 'removed',
    );
    if (present.length > 1) {
      this.count('sign-ins asked although another registration has a grant');
      return;
    }
    this.count('sign-ins asked without need');
    this.violated(`${by.name} asks to sign in for ${resource}, which was not needed.`);
  }

  /** Why nobody can renew for `resource`, in words. */
  lossOf(resource: string): string {
    if (this.isSignedOut(resource)) return 'signed out by the user';
    if (this.isForgotten(resource)) return 'forgotten by SecretStorage';
    const family = this.#families(resource).at(-1);
    if (family === undefined) return 'first sign-in';
    return family.deathCause ?? 'in this workspace only';
  }

  #families(resource: string): readonly Family[] {
    return this.issuers.flatMap(({ families }) => families.filter((family) => family.resource === resource));
  }

  #change(key: string, resource: string, change: () => void): void {
    const before = this.#usable(key);
    const family = this.#newest(key)?.refreshToken?.family;
    change();
    const kept = this.#newest(key);
    if (kept?.refreshToken !== undefined) kept.refreshToken.wasSaved = true;
    const after = this.#usable(key);
    if (after !== undefined) {
      if (before === undefined) this.#usableSinceMs.set(key, this.nowMs());
      return;
    }
    this.#usableSinceMs.delete(key);
    // What could be renewed with must not go but by renewing, by the user or by the issuer.
    if (this.isSignedOut(resource) || this.isForgotten(resource)) return;
    // A sign-in under another registration has taken its place.
    if (this.isUsable(resource, 0)) return;
    if (before === undefined) {
      // What comes in the place of a token that is spent must not go with it, either.
      const isAlive = family !== undefined && family.deathCause === undefined;
      if (isAlive && kept?.kind === 'removed')
        this.violated(`What was kept for ${resource} was removed in a renewal, which nobody had asked for.`);
      return;
    }
    this.violated(
      `What was kept for ${resource} could be renewed with, and is now ${kept?.kind ?? 'gone'}` +
        `${kept?.refreshToken === undefined ? '' : ' and older'}.`,
    );
  }

  /** The refresh token that is kept, when the issuer would take it. */
  #usable(key: string): RefreshToken | undefined {
    const token = this.#newest(key)?.refreshToken;
    const isTaken =
      token !== undefined && token.family.deathCause === undefined && token.presentations.length === 0;
    return isTaken ? token : undefined;
  }

  #newest(key: string): Kept | undefined {
    const [journal, secret] = [this.#journal.get(key), this.#secrets.get(key)];
    if (journal === undefined || secret === undefined) return journal ?? secret;
    return secret.generation > journal.generation ? secret : journal;
  }

  #kept({ generation = 0, tokens }: StoredRecord): Kept {
    if (tokens?.kind !== 'alive') return { generation, kind: 'refused' };
    const refreshToken = this.issuers
      .map((issuer) => issuer.refreshToken(tokens.refreshToken ?? ''))
      .find((found) => found !== undefined);
    return { generation, kind: 'alive', ...(refreshToken !== undefined && { refreshToken }) };
  }
}

interface StoredRecord {
  readonly generation?: number;
  readonly tokens?: { readonly kind: string; readonly refreshToken?: string };
}

const resourceOf = (key: string): string => (JSON.parse(key) as string[])[1] ?? '';

/** Why a token had to be presented although it had been: nobody could know `successor`. Undefined when somebody could. */
function causeOf(
  { given, wasSaved }: RefreshToken,
  { by, leftAtMs }: Asked,
  nowMs: number,
): string | undefined {
  // Whoever has taken over from it has been faster than its request; what left later should have known.
  const stoodStill = 'its window stood still while it asked';
  if (leftAtMs <= given.atMs && by.isGone) return 'its window died while its request was on its way';
  if (leftAtMs <= given.atMs && by.isFrozen) return stoodStill;
  // Either had looked before it stood still, and went on where it was when it had been given up.
  const sinceMs = nowMs - takeoverTakesMs;
  if (given.atMs > sinceMs && (by.thawedAtMs > sinceMs || given.by.thawedAtMs > sinceMs)) return stoodStill;
  if (wasSaved) return undefined;
  if (given.answer === 'lost') return 'the answer was lost';
  if (given.by.isGone) return 'its window died before the answer was saved';
  if (given.by.isFrozen || given.by.thawedAtMs >= given.atMs) return stoodStill;
  return undefined;
}
