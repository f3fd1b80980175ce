import type { SecretStore } from '../../src/core/ports.js';

type Operation = 'get' | 'store' | 'delete';

/** A keyring in memory. Two windows share one by being given the same. */
export class FakeSecretStore implements SecretStore {
  readonly #values = new Map<string, string>();
  readonly #failures: Record<Operation, number> = { get: 0, store: 0, delete: 0 };
  readonly #gates = new Map<Operation, Promise<void>>();
  /** Every operation that was asked for, in order, without values. */
  readonly asked: (readonly [Operation, string])[] = [];

  /** What is stored now, for a test to look at and to damage. */
  get values(): Map<string, string> {
    return this.#values;
  }

  /** The next `times` operations of this kind fail, as those of a locked keyring do. */
  failNext(operation: Operation, times = 1): void {
    this.#failures[operation] += times;
  }

  /** Operations of this kind have no end until the returned function is called. */
  hold(operation: Operation): () => void {
    const { promise, open } = gate();
    this.#gates.set(operation, promise);
    return () => {
      if (this.#gates.get(operation) === promise) this.#gates.delete(operation);
      open();
    };
  }

  async get(key: string): Promise<string | undefined> {
    await this.#begin('get', key);
    return this.#values.get(key);
  }

  async store(key: string, value: string): Promise<void> {
    await this.#begin('store', key);
    this.#values.set(key, value);
  }

  async delete(key: string): Promise<void> {
    await this.#begin('delete', key);
    this.#values.delete(key);
  }

  async #begin(operation: Operation, key: string): Promise<void> {
    if (key === '') throw new TypeError('A secret has a name.');
    this.asked.push([operation, key]);
    await this.#gates.get(operation);
    if (this.#failures[operation] === 0) return;
    this.#failures[operation] -= 1;
    throw new Error(`The keyring is locked (${operation}).`);
  }
}

function gate(): { readonly promise: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
