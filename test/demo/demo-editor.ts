/** The editor that the demo has opened. */
export interface DemoEditor {
  /** Where it is, in a few words for the terminal. */
  readonly where: string;
  /** Whether it is on the screen already; if not, the user has to open {@link where}. */
  readonly isOpen: boolean;
  /** Resolves when the user has closed it, which a page in the user's own browser never tells. */
  readonly closed: Promise<unknown>;
  /** Ends it and all its processes. */
  stop(): Promise<void>;
}
