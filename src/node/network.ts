import { networkInterfaces } from 'node:os';
import type { Network } from '../core/network.js';

/** Addresses that an interface gives itself and that lead nowhere: a computer without a network has them too. */
const linkLocal = /^(169\.254\.|fe[89ab][0-9a-f]:)/i;

/**
 * The network as the interfaces of this computer show it. Down is only a computer that had an address and has lost
 * it: one that never had any may reach the world in a way that shows no interface, as a container does.
 */
export class SystemNetwork implements Network {
  #wasUp = false;

  constructor(private readonly interfaces: typeof networkInterfaces = networkInterfaces) {}

  isDown(): boolean {
    const isUp = this.#outside().length > 0;
    this.#wasUp ||= isUp;
    return this.#wasUp && !isUp;
  }

  addresses(): string {
    return this.#outside().sort().join(' ');
  }

  #outside(): string[] {
    try {
      return Object.values(this.interfaces())
        .flatMap((addresses) => addresses ?? [])
        .filter(({ internal, address }) => !internal && !linkLocal.test(address))
        .map(({ address }) => address);
    } catch {
      // Some systems do not let a program look. Whatever is tried then says for itself how it went.
      return ['unknown'];
    }
  }
}
