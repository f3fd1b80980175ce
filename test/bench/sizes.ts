/** How much there is to remember, and how often each value is taken. */
export interface Sizes {
  readonly accounts: number;
  readonly sessions: number;
  /** The numbers of sessions with which the writing of one more is compared. */
  readonly sessionsBefore: readonly [few: number, many: number, most: number];
  readonly samples: number;
  /** How often the garbage is collected before memory is looked at: each time takes long in a full process. */
  readonly collections: number;
  /** How often each way of a call is taken: short and often, since the machine is seldom quiet for long. */
  readonly slices: number;
  /** The calls of each way before any is timed, after which none is compiled any more. */
  readonly warmingCalls: number;
  /** The calls in one slice, one after the other. */
  readonly calls: number;
  /** The calls in one slice, many at a time. */
  readonly callsAtOnce: number;
  /** The streams of which the first event is timed, in one sample. */
  readonly events: number;
  readonly streamBytes: number;
  /** How often they are streamed. */
  readonly streams: number;
  /** The servers beside one in the process of which the memory is looked at. */
  readonly servers: number;
}

export const fullSizes: Sizes = {
  accounts: 1_000,
  sessions: 10_000,
  sessionsBefore: [100, 10_000, 100_000],
  samples: 7,
  collections: 2,
  slices: 100,
  warmingCalls: 3_000,
  calls: 100,
  callsAtOnce: 300,
  events: 20,
  streamBytes: 1e9,
  streams: 2,
  servers: 100,
};
