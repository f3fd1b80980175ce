import type { Dice } from './dice.js';
import type { MonthWindow } from './month-window.js';
import type { Place } from './world.js';

/** One window's place on the screen, with one run of the extension after the other in it. */
export interface Seat {
  readonly name: string;
  readonly places: readonly Place[];
  /** The servers that the user has signed out in this workspace. */
  readonly signedOut: Set<Place>;
  /** When they began to sign in to each credential last. */
  readonly signedInAtMs: Map<string, number>;
  window: MonthWindow | undefined;
  runs: number;
}

/** One of the windows that are open and move; undefined when none does. */
export function anyWindow(
  seats: readonly Seat[],
  dice: Dice,
): { readonly seat: Seat; readonly window: MonthWindow } | undefined {
  const open = seats.flatMap((seat) => {
    const { window } = seat;
    return window === undefined || window.isGone || window.isFrozen ? [] : [{ seat, window }];
  });
  return open.length === 0 ? undefined : dice.pick(open);
}
