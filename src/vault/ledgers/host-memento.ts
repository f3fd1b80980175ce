import type { Memento } from '../../core/ports.js';

/** What one host has in the globalState that all hosts of a profile share. Reading makes nothing. */
export class HostMemento implements Memento {
  constructor(
    private readonly globalState: Memento,
    private readonly host: { readonly id: string; readonly known: string | undefined },
  ) {}

  keys(): readonly string[] {
    const { known } = this.host;
    if (known === undefined) return [];
    const prefix = nameOnHost(known, '');
    const keys = this.globalState.keys().filter((key) => key.startsWith(prefix));
    return keys.map((key) => key.slice(prefix.length));
  }

  get(key: string): unknown {
    const { known } = this.host;
    return known === undefined ? undefined : this.globalState.get(nameOnHost(known, key));
  }

  update(key: string, value: unknown): PromiseLike<void> {
    return this.globalState.update(nameOnHost(this.host.id, key), value);
  }
}

const nameOnHost = (id: string, key: string): string => `${id}/${key}`;
