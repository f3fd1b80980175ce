import type { Disposable } from './announcer.js';

/** What keeps the stored credentials closed until the user has opened it. */
export interface Lock {
  readonly isLocked: boolean;
  /**
   * Lets the user know that something needs what is locked. Asks for nothing without a click.
   * @param isCall - whether a call waits for it, rather than a start having met it
   */
  ask(isCall: boolean): void;
  /** @param listener - is called when what was locked can be read */
  onDidUnlock(listener: () => void): Disposable;
}

/** For what is never locked. */
export const noLock: Lock = {
  isLocked: false,
  ask: () => undefined,
  onDidUnlock: () => ({ dispose: () => undefined }),
};
