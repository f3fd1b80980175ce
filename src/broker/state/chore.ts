/** Something beside renewals that the window's one timer looks after. */
export interface Chore {
  /** When it is to be done next, in milliseconds since the epoch; `Infinity` for never, while it is being done, or while nobody is to be woken for it. */
  dueAtMs(nowMs: number): number;
  /** Begins what is due, and returns at once. */
  begin(): void;
}
