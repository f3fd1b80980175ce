import type { Journal } from '../../core/journal.js';
import type { HeldLease, Leases } from '../../core/lease.js';
import type { Memento, SecretStore } from '../../core/ports.js';

/** Secrets that are gone with the window. */
export function memorySecrets(): SecretStore {
  const values = new Map<string, string>();
  return {
    get: (key) => Promise.resolve(values.get(key)),
    store: (key, value) => Promise.resolve(void values.set(key, value)),
    delete: (key) => Promise.resolve(void values.delete(key)),
  };
}

/** What is remembered until the window is gone. Values come back as copies that JSON can carry, as the editor's do. */
export function memoryMemento(): Memento {
  const values = new Map<string, string>();
  return {
    keys: () => [...values.keys()],
    get: (key) => {
      const text = values.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    update: (key, value) => {
      if (value === undefined) values.delete(key);
      else values.set(key, JSON.stringify(value));
      return Promise.resolve();
    },
  };
}

/** A journal that no other window sees, and that is gone with this one. */
export function memoryJournal(): Journal {
  const texts = new Map<string, string>();
  return {
    names: () => Promise.resolve([...texts.keys()]),
    read: (name) => Promise.resolve(texts.get(name)),
    write: (name, text) => Promise.resolve(void texts.set(name, text)),
    remove: (name) => Promise.resolve(void texts.delete(name)),
    watch: () => ({ dispose: () => undefined }),
  };
}

/** Leases among the work of one window alone: whoever comes first holds, the others follow in order. */
export class OwnLeases implements Leases {
  readonly #last = new Map<string, Promise<unknown>>();

  async hold<T>(name: string, work: (lease: HeldLease) => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const turn = (async () => {
      await before;
      return work({ isHeld: () => Promise.resolve(true) });
    })();
    const settled = turn.catch(() => undefined);
    this.#last.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    }
  }
}
