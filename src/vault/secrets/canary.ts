import * as v from 'valibot';
import { describeError } from '../../core/errors.js';
import type { Disposable } from '../../core/announcer.js';
import type { Clock, Log, Memento, SecretStore } from '../../core/ports.js';

/** The name of the worthless secret. */
export const canaryName = 'canary';
const mementoName = 'storage.canary';

/** `store` resolves before its value is durable; a canary that a crash has taken in its first minute proves nothing. */
const provesAfterMs = 60_000;

/** Others beside the canary that are looked for, at most. */
const lookLimit = 20;

const recordSchema = v.strictObject({
  /** The editor's session that planted it. */
  session: v.string(),
  plantedAtMs: v.number(),
  /** Whether a later session has seen it. */
  isProven: v.boolean(),
  /** Whether the user has been told that it was gone. */
  isTold: v.boolean(),
});

type Record = v.InferOutput<typeof recordSchema>;

export interface CanaryParts {
  /** The editor's own SecretStorage. */
  readonly secrets: SecretStore;
  readonly memento: Memento;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this life of the window. A reload begins another, a restart of the extensions alone does not. */
  readonly session: string;
}

/**
 * - `keeps`: what an earlier session stored is there
 * - `forgets`: it is gone, and so is everything else that was stored
 * - `unknown`: nothing can be said yet
 */
export type Finding = 'keeps' | 'forgets' | 'unknown';

/**
 * Finds out whether the editor's SecretStorage outlives the window. The editor does not say: without a keyring, or in
 * a browser without a key, it keeps secrets in memory and nothing fails. So a worthless secret is stored, noted in
 * globalState a minute later, and looked for by later sessions.
 */
export class Canary implements Disposable {
  #timer: Disposable | undefined;

  constructor(private readonly parts: CanaryParts) {}

  /** @param others - names of secrets that must be there as well if the storage keeps anything */
  async look(others: readonly string[]): Promise<Finding> {
    const { secrets, session } = this.parts;
    const record = this.#record();
    if ((await secrets.get(canaryName)) !== undefined) {
      if (record === undefined) this.#noteLater();
      else if (record.session !== session && (!record.isProven || record.isTold))
        await this.#note({ ...record, isProven: true, isTold: false });
      return record === undefined || record.session === session ? 'unknown' : 'keeps';
    }
    await secrets.store(canaryName, crypto.randomUUID());
    if (record === undefined) this.#noteLater();
    if (record === undefined || record.session === session) return 'unknown';
    // In a browser, a window writes back the copy of all secrets that it had at its start.
    if (await this.#isAnyThere(others)) return 'unknown';
    if (!record.isProven) return 'forgets';
    // It did keep it once, so something has happened to it: a new keyring, a profile on another computer.
    await this.parts.memento.update(mementoName, undefined);
    this.#noteLater();
    return 'unknown';
  }

  /** Whether the user knows what was found. */
  get isTold(): boolean {
    return this.#record()?.isTold === true;
  }

  async told(): Promise<void> {
    const record = this.#record();
    if (record !== undefined) await this.#note({ ...record, isTold: true });
  }

  dispose(): void {
    this.#timer?.dispose();
  }

  #record(): Record | undefined {
    const result = v.safeParse(recordSchema, this.parts.memento.get(mementoName));
    return result.success ? result.output : undefined;
  }

  #noteLater(): void {
    const { clock, session, log } = this.parts;
    const plantedAtMs = clock.nowMs();
    this.#timer = clock.after(provesAfterMs, () => {
      this.#note({ session, plantedAtMs, isProven: false, isTold: false }).catch((error: unknown) => {
        log.debug(`Whether secrets are kept will not be known: ${describeError(error)}`);
      });
    });
  }

  async #note(record: Record): Promise<void> {
    await this.parts.memento.update(mementoName, record);
  }

  async #isAnyThere(names: readonly string[]): Promise<boolean> {
    for (const name of names.slice(0, lookLimit))
      if ((await this.parts.secrets.get(name)) !== undefined) return true;
    return false;
  }
}
