/** Chance that a seed decides: the same seed, the same month. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1), by mulberry32. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A number in [low, high), more often a small one than a large one when they lie far apart. */
  between(low: number, high: number): number {
    if (low <= 0 || high / low < 50) return low + (high - low) * this.next();
    return low * (high / low) ** this.next();
  }

  /** How long until something that happens `timesPerDay` happens next, in milliseconds. */
  until(timesPerDay: number): number {
    return (-Math.log(1 - this.next()) * 24 * 3_600_000) / timesPerDay;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new RangeError('There is nothing to pick.');
    return item;
  }
}
