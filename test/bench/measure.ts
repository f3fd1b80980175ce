/** One of the two things that a measure compares. */
export interface Side {
  readonly name: string;
  /** Does it once. @returns the value, in the unit of the measure */
  readonly take: () => Promise<number>;
}

/** Something to be measured, always beside something else: alone, a number says more about the machine. */
export interface Measure {
  readonly name: string;
  readonly unit: 'ms' | 'µs' | 'MiB' | 'KiB' | 'bytes' | 'timers' | 'calls/s';
  readonly ours: Side;
  readonly baseline: Side | readonly Side[];
  /** How often each side is taken, where it is not as often as everything else. */
  readonly samples?: number;
}

interface Values {
  readonly name: string;
  readonly values: readonly number[];
}

/** What came of a measure, beside one of its baselines. The values at one place were taken right after one another. */
export interface Row {
  readonly name: string;
  readonly unit: Measure['unit'];
  readonly ours: Values;
  readonly baseline: Values;
}

/**
 * Takes all sides in turn, each round in another order, so that whatever else the machine does meets all of them, and
 * each comes as often behind any other; of several rounds, the first warms up.
 * @returns a row for each baseline
 */
export async function rowsOf(measure: Measure, usualSamples: number): Promise<readonly Row[]> {
  const { name, unit, samples = usualSamples } = measure;
  const sides = [measure.ours, ...[measure.baseline].flat()].map((side) => ({
    ...side,
    values: [] as number[],
  }));
  for (let sample = samples === 1 ? 1 : 0; sample <= samples; sample++) {
    for (const side of turnOf(sides, sample)) {
      const value = await side.take();
      if (sample > 0) side.values.push(value);
    }
  }
  const [ours, ...baselines] = sides.map((side): Values => ({ name: side.name, values: side.values }));
  return ours === undefined ? [] : baselines.map((baseline) => ({ name, unit, ours, baseline }));
}

/** The order of a round: a balanced Latin square, and after as many rounds as there are sides the same backwards. */
function turnOf<T>(sides: readonly T[], round: number): readonly T[] {
  const count = sides.length;
  // 0, the last, 1, the one before the last …
  const zigzag = sides.map((_, at) => (at % 2 === 0 ? at / 2 : count - (at + 1) / 2));
  const turn = zigzag.flatMap((at) => sides[(at + round) % count] ?? []);
  return Math.floor(round / count) % 2 === 0 ? turn : turn.toReversed();
}

/** How many times the baseline, for each round: what slows the machine down for a while cancels out. */
export const ratiosOf = ({ ours, baseline }: Row): readonly number[] =>
  ours.values.map((value, at) => value / (baseline.values[at] ?? NaN));

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low = NaN, high = low] = [
    sorted[Math.ceil(sorted.length / 2) - 1],
    sorted[Math.floor(sorted.length / 2)],
  ];
  return (low + high) / 2;
}

/** The value that so many percent of `values` do not exceed (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}

/** How long `work` takes, in milliseconds. */
export async function timeMs(work: () => unknown): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}
