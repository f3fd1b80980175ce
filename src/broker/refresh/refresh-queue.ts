import type { Counters } from '../../core/counters.js';
import { BrokerError } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';

/** Who waits: a call that needs the answer now, or nobody. */
export type Urgency = 'call' | 'background';

/** As many connections as a browser would open to one host; more only make an issuer's rate limit answer. */
const runningLimit = 5;

/** More than this waits for nothing: by the time its turn comes, it is asked for again anyway. */
const waitingLimit = 100;

/** A place in the queue. */
export interface Turn {
  /** Resolves when the work may begin. Rejects with `refresh_queue_full` when a call took its place. */
  readonly begun: Promise<void>;
  /** Lets the next one begin. To be called once, when the work has ended or `begun` has rejected. */
  end(): void;
}

interface Waiting {
  readonly key: string;
  urgency: Urgency;
  readonly begin: () => void;
  readonly giveUp: (error: BrokerError) => void;
}

/** What goes on at one issuer. */
interface Lane {
  running: number;
  waiting: Waiting[];
  isFull: boolean;
}

/**
 * Lets five renewals run at a time and a hundred wait, a call before background work. Each issuer has a queue of its
 * own, so that one provider's trouble never delays another. Nothing is turned away silently: whoever finds no place
 * is told so and counted, and background work makes room for a call.
 */
export class RefreshQueue {
  readonly #lanes = new Map<string, Lane>();
  #isClosed = false;

  constructor(
    private readonly counters: Counters,
    private readonly log: Log,
  ) {}

  /**
   * Takes a place.
   * @param key - names the work, for `hurry`
   * @throws BrokerError `refresh_queue_full` with `details.issuer`
   */
  take(issuer: string, key: string, urgency: Urgency): Turn {
    const lane = this.#lane(issuer);
    let hasBegun = false;
    let waiting: Waiting | undefined;
    const end = () => {
      if (hasBegun) lane.running -= 1;
      lane.waiting = lane.waiting.filter((other) => other !== waiting);
      this.#goOn(lane);
    };
    if (this.#isClosed) throw full(issuer);
    if (lane.running < runningLimit) {
      lane.running += 1;
      hasBegun = true;
      this.#measure();
      return { begun: Promise.resolve(), end };
    }
    this.#makeRoom(issuer, lane, urgency);
    const begun = new Promise<void>((resolve, reject) => {
      const begin = () => {
        hasBegun = true;
        resolve();
      };
      waiting = { key, urgency, begin, giveUp: reject };
      lane.waiting.push(waiting);
    });
    this.#measure();
    return { begun, end };
  }

  /** A call waits now for the work that was taken in as `key`, if that has not begun. */
  hurry(issuer: string, key: string): void {
    for (const waiting of this.#lanes.get(issuer)?.waiting ?? []) {
      if (waiting.key === key) waiting.urgency = 'call';
    }
  }

  /** Nothing begins any more; what has begun goes on. */
  close(): void {
    this.#isClosed = true;
    for (const [issuer, lane] of this.#lanes) {
      for (const { giveUp } of lane.waiting.splice(0)) giveUp(full(issuer));
    }
    this.#measure();
  }

  #lane(issuer: string): Lane {
    const lane = this.#lanes.get(issuer) ?? { running: 0, waiting: [], isFull: false };
    this.#lanes.set(issuer, lane);
    return lane;
  }

  /** @throws BrokerError `refresh_queue_full` */
  #makeRoom(issuer: string, lane: Lane, urgency: Urgency): void {
    if (lane.waiting.length < waitingLimit) return;
    if (!lane.isFull) this.log.warn(`The queue of renewals at ${JSON.stringify(issuer)} is full.`);
    lane.isFull = true;
    this.counters.add('refreshes.rejected');
    const last =
      urgency === 'call' ? lane.waiting.findLast((one) => one.urgency === 'background') : undefined;
    if (last === undefined) throw full(issuer);
    lane.waiting = lane.waiting.filter((one) => one !== last);
    last.giveUp(full(issuer));
  }

  #goOn(lane: Lane): void {
    lane.isFull &&= lane.waiting.length >= waitingLimit;
    const next = lane.waiting.find(({ urgency }) => urgency === 'call') ?? lane.waiting[0];
    if (next !== undefined && lane.running < runningLimit) {
      lane.waiting = lane.waiting.filter((one) => one !== next);
      lane.running += 1;
      next.begin();
    }
    this.#measure();
  }

  #measure(): void {
    const lanes = [...this.#lanes.values()];
    const sum = (countOf: (lane: Lane) => number) => lanes.reduce((total, lane) => total + countOf(lane), 0);
    this.counters.set(
      'refreshes.running',
      sum(({ running }) => running),
    );
    this.counters.set(
      'refreshes.queued',
      sum(({ waiting }) => waiting.length),
    );
  }
}

const full = (issuer: string): BrokerError =>
  new BrokerError('refresh_queue_full', 'No more renewals can wait.', { details: { issuer } });
