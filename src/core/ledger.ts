/** What `load` has found. */
export interface LedgerContent {
  readonly lines: readonly string[];
  /** In how many pieces they lie; more of them take longer to read. */
  readonly pieces: number;
}

/** Where mappings are kept that change often and carry no secrets. */
export interface Ledgers {
  /** To whom each MCP session belongs. */
  readonly sessions: Ledger;
  /** Which account each server uses in each workspace. */
  readonly bindings: Ledger;
}

/**
 * Lines that the windows of one profile on one computer keep together. Adding some costs the same however many there
 * are; each stands for itself, so that a damaged one takes no other along. What two lines say about one thing is for
 * the reader to put in order.
 */
export interface Ledger {
  /** Every line that some window has added. One that is being folded may come twice, and none is missing. */
  load(): Promise<LedgerContent>;
  /** Adds lines, none of which contains a line break. When this resolves, whoever loads from now on has them. */
  append(lines: readonly string[]): Promise<void>;
  /**
   * Replaces all lines by those that `keep` makes of them, in one window at a time. What any window adds meanwhile
   * stays.
   */
  fold(keep: (lines: readonly string[]) => readonly string[]): Promise<void>;
}
