import type { Disposable } from './announcer.js';

/** What keeps the stored credentials closed until the user has opened it. */
export interface Lock {
  readonly isLocked: boolean;
  /** Lets the user know that something needs what is locked. Asks for nothing without a click. */
  ask(): void;
  /** @param listener - is called when what was locked can be read */
  onDidUnlock(listener: () => void): Disposable;
}

/** For what is never locked. */
export const noLock: Lock = {
  isLocked: false,
  ask: () => undefined,
  onDidUnlock: () => ({ dispose: () => undefined }),
};
