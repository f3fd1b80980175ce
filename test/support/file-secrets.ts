import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretStore } from '../../src/core/ports.js';

/** As long as the editor collects what was stored before it writes it down. */
const flushAfterMs = 100;

/**
 * SecretStorage as processes that share a folder have it on a desktop: `store` resolves at once, and its value is
 * durable and visible to the others a moment later. A process that is killed meanwhile takes the value with it.
 */
export class FileSecrets implements SecretStore {
  readonly #unwritten = new Map<string, string | undefined>();

  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  get(key: string): Promise<string | undefined> {
    if (this.#unwritten.has(key)) return Promise.resolve(this.#unwritten.get(key));
    try {
      return Promise.resolve(readFileSync(this.#path(key), 'utf8'));
    } catch {
      return Promise.resolve(undefined);
    }
  }

  store(key: string, value: string): Promise<void> {
    return this.#write(key, value);
  }

  delete(key: string): Promise<void> {
    return this.#write(key, undefined);
  }

  #write(key: string, value: string | undefined): Promise<void> {
    const isWaiting = this.#unwritten.has(key);
    this.#unwritten.set(key, value);
    if (!isWaiting) setTimeout(() => this.#flush(key), flushAfterMs);
    return Promise.resolve();
  }

  #flush(key: string): void {
    const value = this.#unwritten.get(key);
    this.#unwritten.delete(key);
    if (value === undefined) rmSync(this.#path(key), { force: true });
    else {
      const scratch = `${this.#path(key)}.${randomUUID()}`;
      writeFileSync(scratch, value);
      renameSync(scratch, this.#path(key));
    }
  }

  #path(key: string): string {
    return join(this.folder, createHash('sha256').update(key).digest('hex'));
  }
}
