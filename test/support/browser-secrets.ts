import type { SecretStore } from '../../src/core/ports.js';

/**
 * SecretStorage as the tabs of a browser have it: each window loads one blob when it starts, sees nothing that others
 * write afterwards, and writes the whole blob at each change. The last writer wins.
 */
export class BrowserSecrets {
  /** What a window that starts now loads. */
  blob: ReadonlyMap<string, string> = new Map();

  window(): SecretStore {
    const mine = new Map(this.blob);
    const write = () => {
      this.blob = new Map(mine);
      return Promise.resolve();
    };
    return {
      get: (key) => Promise.resolve(mine.get(key)),
      store: (key, value) => {
        mine.set(key, value);
        return write();
      },
      delete: (key) => {
        mine.delete(key);
        return write();
      },
    };
  }
}
