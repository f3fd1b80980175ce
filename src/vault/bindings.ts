import * as v from 'valibot';
import type { Log, Memento } from '../core/ports.js';
import type { ServerId } from '../core/server.js';
import type { IndexEntry } from './index-entry.js';
import { accountSchema } from './record.js';
import { Remembered } from './remembered.js';

/**
 * Which credential a server uses in a workspace, without tokens; or that the user has signed it out there, so that
 * no other account takes the place of the one that left.
 */
export type Binding = Bound | { readonly kind: 'signed-out' };

export interface Bound extends IndexEntry {
  readonly kind: 'bound';
  /** When a session with the server was first open under this binding; missing before. */
  readonly reachedAtMs?: number;
}

const bindingSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('bound'),
    account: accountSchema,
    clientId: v.string(),
    resource: v.string(),
    reachedAtMs: v.exactOptional(v.number()),
  }),
  v.strictObject({ kind: v.literal('signed-out') }),
]);

/** The bindings of one workspace. A binding is made once and kept until the user signs in as somebody else or out. */
export class Bindings {
  readonly #entries: Remembered<Binding>;

  /** @param workspace - names the workspace in this profile, the same from start to start */
  constructor(
    memento: Memento,
    private readonly workspace: string,
    log: Log,
  ) {
    this.#entries = new Remembered(memento, 'binding:', bindingSchema, log);
  }

  get(server: ServerId): Binding | undefined {
    return this.#entries.get(this.#name(server));
  }

  set(server: ServerId, binding: Binding): PromiseLike<void> {
    return this.#entries.set(this.#name(server), binding);
  }

  #name(server: ServerId): string {
    return JSON.stringify([this.workspace, server]);
  }
}
