import type { Disposable } from './announcer.js';

/**
 * Small texts by name, seen by all windows of one profile on this computer. SecretStorage is neither durable nor
 * visible elsewhere when its `store` resolves; this is.
 */
export interface Journal {
  names(): Promise<readonly string[]>;
  /** @returns undefined when there is no such text */
  read(name: string): Promise<string | undefined>;
  /** Replaces a text as a whole; when this resolves, a power failure does not undo it. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** @param listener - is told the name of a text that some window, perhaps this one, has changed */
  watch(listener: (name: string) => void): Disposable;
}
