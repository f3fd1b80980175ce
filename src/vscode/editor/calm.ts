import type { Disposable } from '../../core/announcer.js';
import type { Clock } from '../../core/ports.js';

/** So many servers are looked through in no time. */
const fewServers = 50;

/** How long changes are collected when there are more; too short to be noticed. */
const collectMs = 100;

/** Looks at all servers after each change or, when they are many, once for all changes that come together. */
export class CalmLook implements Disposable {
  #timer: Disposable | undefined;

  /** @param servers - how many there are now */
  constructor(
    private readonly clock: Clock,
    private readonly servers: () => number,
    private readonly look: () => void,
  ) {}

  afterChange(): void {
    if (this.servers() <= fewServers) {
      this.dispose();
      this.look();
      return;
    }
    this.#timer ??= this.clock.after(collectMs, () => {
      this.#timer = undefined;
      this.look();
    });
  }

  dispose(): void {
    this.#timer?.dispose();
    this.#timer = undefined;
  }
}
