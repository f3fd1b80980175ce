import { median, percentile, ratiosOf, type Row } from './measure.js';

/**
 * The rows for a person: medians, with the middle half of the values in brackets, and how many times the baseline,
 * likewise, round by round.
 */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.name,
    `${row.ours.name}: ${spread(row.ours.values)} ${row.unit}`,
    `${row.baseline.name}: ${spread(row.baseline.values)} ${row.unit}`,
    `${spread(ratiosOf(row), 3)}×`,
  ]);
  const header = ['measure', 'this extension', 'beside', 'ratio'];
  const widths = header.map((_, column) =>
    Math.max(...[header, ...lines].map((line) => line[column]?.length ?? 0)),
  );
  const print = (line: readonly string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [header, widths.map((width) => '─'.repeat(width)), ...lines].map(print).join('\n');
}

/** The rows for a program, with every value that was taken. */
export function jsonOf(rows: readonly Row[]): string {
  const described = rows.map((row) => ({
    ...row,
    ratio: median(ratiosOf(row)),
    ours: { ...row.ours, median: median(row.ours.values) },
    baseline: { ...row.baseline, median: median(row.baseline.values) },
  }));
  return JSON.stringify({ node: process.version, platform: process.platform, rows: described }, undefined, 2);
}

const spread = (values: readonly number[], digits = 2): string => {
  const [low, high] = [percentile(values, 25), percentile(values, 75)];
  const range = low === high ? '' : ` [${short(low, digits)}–${short(high, digits)}]`;
  return `${short(median(values), digits)}${range}`;
};

const short = (value: number, digits: number): string =>
  Number.isInteger(value) || value >= 100 ? value.toFixed(0) : value.toPrecision(digits);
