/** How much there is to remember, and how often each value is taken. */
export interface Sizes {
  readonly accounts: number;
  readonly sessions: number;
  /** The numbers of sessions with which the writing of one more is compared. */
  readonly sessionsBefore: readonly [few: number, many: number, most: number];
  readonly samples: number;
  /** How often the garbage is collected before memory is looked at: each time takes long in a full process. */
  readonly collections: number;
  /** The calls through a proxy in one sample. */
  readonly calls: number;
  /** The streams of which the first event is timed, in one sample. */
  readonly events: number;
  readonly streamBytes: number;
  /** The servers beside one in the process of which the memory is looked at. */
  readonly servers: number;
}

export const fullSizes: Sizes = {
  accounts: 1_000,
  sessions: 10_000,
  sessionsBefore: [100, 10_000, 100_000],
  samples: 7,
  collections: 2,
  calls: 2_000,
  events: 500,
  streamBytes: 1e9,
  servers: 100,
};
