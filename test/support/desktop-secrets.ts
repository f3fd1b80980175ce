import type { Disposable } from '../../src/core/announcer.js';
import type { SecretStore } from '../../src/core/ports.js';
import type { FakeClock } from './fake-clock.js';

/** As long as the editor on a desktop collects what was stored before it writes it down and tells the other windows. */
const flushAfterMs = 100;

/**
 * SecretStorage as several windows of a desktop have it: `store` resolves at once, and its value is durable and
 * visible in the other windows a moment later. A window that is killed meanwhile takes the value with it.
 */
export class DesktopSecrets {
  /** What is on the disk, and what a window that starts now sees. */
  readonly durable = new Map<string, string>();
  readonly #windows = new Set<DesktopWindowSecrets>();

  constructor(readonly clock: Pick<FakeClock, 'after'>) {}

  window(): DesktopWindowSecrets {
    const window = new DesktopWindowSecrets(this);
    this.#windows.add(window);
    return window;
  }

  flush(key: string, value: string | undefined): void {
    set(this.durable, key, value);
    for (const window of this.#windows) window.hear(key, value);
  }

  forget(window: DesktopWindowSecrets): void {
    this.#windows.delete(window);
  }
}

export class DesktopWindowSecrets implements SecretStore {
  readonly #seen: Map<string, string>;
  readonly #unwritten = new Map<string, Disposable>();
  #failures = 0;

  constructor(private readonly shared: DesktopSecrets) {
    this.#seen = new Map(shared.durable);
  }

  /** The next `times` writes fail, as those into a locked keyring do. */
  failNext(times: number): void {
    this.#failures = times;
  }

  get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.#seen.get(key));
  }

  store(key: string, value: string): Promise<void> {
    return this.#write(key, value);
  }

  delete(key: string): Promise<void> {
    return this.#write(key, undefined);
  }

  /** What another window wrote; a value of our own that is still to be written comes after it. */
  hear(key: string, value: string | undefined): void {
    if (!this.#unwritten.has(key)) set(this.#seen, key, value);
  }

  /** The window's process is killed. */
  crash(): void {
    for (const timer of this.#unwritten.values()) timer.dispose();
    this.shared.forget(this);
  }

  /** The window is closed in order, and what it has stored is written down. */
  close(): void {
    for (const [key, timer] of [...this.#unwritten]) {
      timer.dispose();
      this.#flush(key);
    }
    this.shared.forget(this);
  }

  #write(key: string, value: string | undefined): Promise<void> {
    if (this.#failures > 0) {
      this.#failures -= 1;
      return Promise.reject(new Error('The keyring is locked.'));
    }
    set(this.#seen, key, value);
    this.#unwritten.get(key)?.dispose();
    this.#unwritten.set(
      key,
      this.shared.clock.after(flushAfterMs, () => this.#flush(key)),
    );
    return Promise.resolve();
  }

  #flush(key: string): void {
    this.#unwritten.delete(key);
    this.shared.flush(key, this.#seen.get(key));
  }
}

function set(map: Map<string, string>, key: string, value: string | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
