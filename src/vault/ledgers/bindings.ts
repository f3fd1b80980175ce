import * as v from 'valibot';
import type { ServerId } from '../../core/server.js';
import type { IndexEntry } from '../records/index-entry.js';
import { LedgerMap, type LedgerMapParts } from './ledger-map.js';
import { accountSchema } from '../records/record.js';

/**
 * Which credential a server uses in a workspace, without tokens; or that the user has signed it out there, so that
 * no other account takes the place of the one that left.
 */
export type Binding = Bound | { readonly kind: 'signed-out' };

export interface Bound extends IndexEntry {
  readonly kind: 'bound';
  /** When a session with the server was first open under this binding; missing before. */
  readonly reachedAtMs?: number;
  /** The scopes that the server needs and that were not granted with the sign-in for it. */
  readonly missing?: readonly string[];
}

const bindingSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('bound'),
    account: accountSchema,
    clientId: v.string(),
    resource: v.string(),
    reachedAtMs: v.exactOptional(v.number()),
    missing: v.exactOptional(v.array(v.string())),
  }),
  v.strictObject({ kind: v.literal('signed-out') }),
]);

/** More than anybody has; those that were used longest ago go first. */
const keepCount = 10_000;

/**
 * The bindings of one workspace. A binding is made once and kept until the user signs in as somebody else or out, or
 * until nobody has used it for long. That of a server that was signed out stays for good, for nobody takes the place of
 * an account that has left because time goes by; it costs a line, and comes from a click of the user, or from a grant
 * that ended for good and was forgotten long after.
 */
export class Bindings {
  readonly #kept: LedgerMap<Binding>;
  /** With what the names of its bindings begin. */
  readonly #here: string;

  /** @param workspace - names the workspace in this profile, the same from start to start */
  constructor(
    parts: LedgerMapParts,
    private readonly workspace: string,
  ) {
    this.#here = `${JSON.stringify([workspace]).slice(0, -1)},`;
    this.#kept = new LedgerMap<Binding>(parts, bindingSchema, {
      what: 'bindings',
      wins: 'last',
      keepMs: () => Infinity,
      keepCount: () => keepCount,
      stays: (name, { kind }) => kind === 'signed-out' || this.#isHere(name),
    });
  }

  /** Settles when they can be looked up. Never rejects. */
  get loaded(): Promise<void> {
    return this.#kept.loaded;
  }

  /** Whether they can be looked up. */
  get isLoaded(): boolean {
    return this.#kept.isLoaded;
  }

  get(server: ServerId): Binding | undefined {
    return this.#kept.get(this.#name(server));
  }

  set(server: ServerId, binding: Binding): void {
    this.#kept.set(this.#name(server), binding);
  }

  /**
   * Makes a binding that the user has not asked for. What another window has set for `server` stays, unless it is what
   * this one knows.
   */
  infer(server: ServerId, binding: Binding): void {
    this.#kept.infer(this.#name(server), binding);
  }

  /** Those of all other workspaces, also what their windows have written since this one has begun. Rejects when they cannot be read. */
  async elsewhere(): Promise<readonly Binding[]> {
    const all = [...(await this.#kept.everything())];
    return all.filter(([name]) => !this.#isHere(name)).map(([, binding]) => binding);
  }

  /** Notes that `server` is there to be used in this workspace, whoever it is bound to. */
  use(server: ServerId): void {
    this.#kept.use(this.#name(server));
  }

  /**
   * Drops those that no window has used since `sinceMs`. Whoever calls it has made sure that the clock is right. Never
   * rejects.
   */
  dropUnused(sinceMs: number): Promise<void> {
    return this.#kept.dropUnused(sinceMs);
  }

  /** Resolves when everything is written. */
  end(): Promise<void> {
    return this.#kept.close();
  }

  #name(server: ServerId): string {
    return JSON.stringify([this.workspace, server]);
  }

  #isHere(name: string): boolean {
    return name.startsWith(this.#here);
  }
}
