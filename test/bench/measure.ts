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
  readonly baseline: Side;
}

interface Values {
  readonly name: string;
  readonly values: readonly number[];
}

/** What came of a measure. */
export interface Row {
  readonly name: string;
  readonly unit: Measure['unit'];
  readonly ours: Values;
  readonly baseline: Values;
}

/** Takes both sides in turn, so that whatever else the machine does meets both; of several pairs, the first warms up. */
export async function rowOf({ name, unit, ours, baseline }: Measure, samples: number): Promise<Row> {
  const values: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
  for (let sample = samples === 1 ? 1 : 0; sample <= samples; sample++) {
    const pair = [await baseline.take(), await ours.take()] as const;
    if (sample === 0) continue;
    values.baseline.push(pair[0]);
    values.ours.push(pair[1]);
  }
  return {
    name,
    unit,
    ours: { name: ours.name, values: values.ours },
    baseline: { name: baseline.name, values: values.baseline },
  };
}

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
