import type { Disposable } from './announcer.js';

/**
 * The way of a redirect between windows: the system opens an address of the editor in whichever window was used last,
 * which is seldom the one whose sign-in waits for it.
 */
export interface Handover {
  /**
   * Lets the other windows know that a redirect with `state` belongs here. Never rejects: where nobody can be told, a
   * redirect that comes to this window is still taken.
   * @param arrived - is called with what another window got, once; who calls has to judge it like any other
   * @returns (as the result) ends the wait
   */
  expect(state: string, arrived: (redirect: string) => void): Promise<Disposable>;

  /**
   * Hands `redirect` on to the window that waits for `state`.
   * @returns (as the result) whether one does; nothing is kept of what nobody waits for
   */
  pass(state: string, redirect: string): Promise<boolean>;
}

/** For windows that are to leave nothing behind: a redirect has to come to the window that waits for it. */
export const noHandover: Handover = {
  expect: () => Promise.resolve({ dispose: () => undefined }),
  pass: () => Promise.resolve(false),
};
