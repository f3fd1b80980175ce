import type { Network } from '../../src/core/network.js';

/** A network that a test takes away and brings back. */
export class FakeNetwork implements Network {
  #address = 1;
  #isDown = false;

  isDown(): boolean {
    return this.#isDown;
  }

  addresses(): string {
    return this.#isDown ? '' : `192.168.0.${this.#address}`;
  }

  /** Takes it away; this computer can still be reached. */
  goDown(): void {
    this.#isDown = true;
  }

  /** Brings it back, at the same place. */
  comeBack(): void {
    this.#isDown = false;
  }

  /** The computer is somewhere else now. */
  move(): void {
    this.#address += 1;
  }
}
