import { median, type Row } from './measure.js';

/** The rows for a person: medians, with the least and the most in brackets, and how many times the baseline. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ name, unit, ours, baseline }) => [
    name,
    `${ours.name}: ${spread(ours.values)} ${unit}`,
    `${baseline.name}: ${spread(baseline.values)} ${unit}`,
    `${short(median(ours.values) / median(baseline.values))}×`,
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
    ours: { ...row.ours, median: median(row.ours.values) },
    baseline: { ...row.baseline, median: median(row.baseline.values) },
  }));
  return JSON.stringify({ node: process.version, platform: process.platform, rows: described }, undefined, 2);
}

const spread = (values: readonly number[]): string => {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = least === most ? '' : ` [${short(least)}–${short(most)}]`;
  return `${short(median(values))}${range}`;
};

const short = (value: number): string =>
  Number.isInteger(value) || value >= 100 ? value.toFixed(0) : value.toPrecision(2);
