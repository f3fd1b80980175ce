import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { Disposable } from '../core/announcer.js';
import { BrokerError, describeError } from '../core/errors.js';
import type { Clock, Log, Memento } from '../core/ports.js';
import { pause } from '../core/waiting.js';
import { randomId, type Host } from './host.js';

const noteName = 'storage.profile';

const noteSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** When it was written. */
  atMs: v.number(),
});

const lookEveryMs = 250;

/** So many looks in a row that find nothing new end the wait. */
const quietLooks = 4;

/** Longer than that nobody waits for agreement. */
const mostLooks = 20;

export interface ProfileParts {
  readonly host: Pick<Host, 'id'>;
  /** The editor's, not the part of one host. */
  readonly globalState: Memento;
  readonly clock: Clock;
  readonly log: Log;
}

/** What of ours belongs to one profile on one host carries this. */
export const ownId = (hostId: string, profileId: string): string =>
  createHash('sha256').update(`${hostId} ${profileId}`).digest('hex').slice(0, 32);

/**
 * One profile of the editor on one host. Of globalState each profile has its own, so the profile's id lies there. On a
 * desktop nothing else tells profiles apart: all of them have one SecretStorage, and on each host one folder.
 *
 * globalState has neither a lock nor compare-and-swap, and windows that start together for the first time must agree.
 * Each writes an id, and looks for a second whether another window's is there; the smaller one stays. A second is
 * enough, since what a window writes is with all the others after about 300 ms: the editor collects for 100 ms twice,
 * in the window and in its main process, and then sends it to every window. At worst a window was stopped for longer
 * just then: until it is reloaded it works for itself, and its first sign-in has to be made once more.
 *
 * Whoever loses globalState loses the id with the index of what is stored under it, and is a new profile: nothing on
 * the host says whose of several it was, and to guess would give one profile the accounts of another. What lies under
 * the old id stays.
 * @see MainThreadStorage, ExtensionMemento and StorageDatabaseChannel (STORAGE_CHANGE_DEBOUNCE_TIME) in VS Code
 */
export class Profile implements Disposable {
  readonly #closing = new AbortController();
  #finding: Promise<string> | undefined;

  constructor(
    private readonly parts: ProfileParts,
    private readonly newId = randomId,
  ) {}

  /**
   * The name under which everything is kept: 128 bits in hexadecimal digits, made when first asked for. Only the first
   * windows of a profile wait for it.
   * @throws (from the result) BrokerError `storage_unusable` when the window is closed before
   */
  find(): Promise<string> {
    this.#finding ??= this.#agreed().then((id) => ownId(this.parts.host.id, id));
    return this.#finding;
  }

  dispose(): void {
    this.#closing.abort(new BrokerError('storage_unusable', 'The window is closed.'));
  }

  async #agreed(): Promise<string> {
    const { clock } = this.parts;
    const noted = this.#noted();
    // One that was written just now may be about to give way.
    const isOld = noted && Math.abs(clock.nowMs() - noted.atMs) > quietLooks * lookEveryMs;
    if (isOld === true) return noted.id;
    let id = noted?.id ?? this.newId();
    for (let look = 0, quiet = 0; quiet < quietLooks && look < mostLooks; look++) {
      const there = this.#noted()?.id;
      quiet = there === id ? quiet + 1 : 0;
      if (there !== undefined && there < id) id = there;
      else if (there !== id) await this.#write(id);
      await pause(clock, lookEveryMs, this.#closing.signal);
    }
    return id;
  }

  #noted(): v.InferOutput<typeof noteSchema> | undefined {
    const result = v.safeParse(noteSchema, this.parts.globalState.get(noteName));
    return result.success ? result.output : undefined;
  }

  async #write(id: string): Promise<void> {
    const { globalState, clock, log } = this.parts;
    try {
      await globalState.update(noteName, { id, atMs: clock.nowMs() });
    } catch (error) {
      log.warn(`The profile's id is not noted in the editor's state: ${describeError(error)}`);
    }
  }
}
