import * as v from 'valibot';
import { keyText, type CredentialKey } from '../../core/credential.js';
import type { Log, Memento } from '../../core/ports.js';
import { Remembered } from './remembered.js';

const validationSchema = v.strictObject({ askedAtMs: v.number() });

/** When the issuer was last asked about each credential without a renewal, so that no reload asks again. No secrets. */
export class Validations {
  readonly #entries: Remembered<v.InferOutput<typeof validationSchema>>;

  constructor(memento: Memento, log: Log) {
    this.#entries = new Remembered(memento, 'validated:', validationSchema, log);
  }

  /** In milliseconds since the epoch; undefined when it was not asked. */
  askedAtMs(key: string): number | undefined {
    return this.#entries.get(key)?.askedAtMs;
  }

  asked(key: string, atMs: number): PromiseLike<void> {
    return this.#entries.set(key, { askedAtMs: atMs });
  }

  /** Forgets what was asked about credentials that are not `known`. */
  async prune(known: readonly CredentialKey[]): Promise<void> {
    const keys = new Set(known.map(keyText));
    for (const [key] of this.#entries.entries()) if (!keys.has(key)) await this.#entries.delete(key);
  }
}
