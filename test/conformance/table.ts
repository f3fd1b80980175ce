import type { Verdict } from './suite.js';

/** The verdicts for a person: a line for each scenario with a column for each wire, and what failed below. */
export function tableOf(verdicts: readonly Verdict[]): string {
  const wires = [...new Set(verdicts.map(({ wire }) => wire))].sort();
  const scenarios = [...new Set(verdicts.map(({ scenario }) => scenario))];
  const lines = scenarios.map((scenario) => [
    scenario,
    ...wires.map((wire) => cell(verdicts.find((one) => one.scenario === scenario && one.wire === wire))),
  ]);
  const totals = ['all', ...wires.map((wire) => total(verdicts.filter((one) => one.wire === wire)))];
  const header = ['scenario', ...wires];
  const widths = header.map((_, column) =>
    Math.max(...[header, ...lines, totals].map((line) => line[column]?.length ?? 0)),
  );
  const print = (line: readonly string[]) =>
    line
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width));
  return [...[header, rule, ...lines, rule, totals].map(print), ...complaints(verdicts)].join('\n');
}

/** The verdicts for a program, without what was printed on the way. */
export function jsonOf(verdicts: readonly Verdict[]): string {
  const runs = verdicts.map(({ output: _, isExtension: __, ...verdict }) => verdict);
  return JSON.stringify({ node: process.version, platform: process.platform, runs }, undefined, 2);
}

function cell(verdict: Verdict | undefined): string {
  if (verdict === undefined) return '';
  const { hasPassed, passed, failed, warnings } = verdict;
  return hasPassed ? `✓ ${passed}` : `✗ ${passed}, ${failed} failed, ${warnings} warned`;
}

const total = (verdicts: readonly Verdict[]): string =>
  `${verdicts.filter(({ hasPassed }) => hasPassed).length}/${verdicts.length}`;

function complaints(verdicts: readonly Verdict[]): string[] {
  const failed = verdicts.filter(({ hasPassed }) => !hasPassed);
  return failed.flatMap(({ scenario, wire, complaints, output }) => [
    '',
    `${scenario} on ${wire}:`,
    ...[...complaints, lastWords(output)].map((text) => `  ${text}`),
  ]);
}

/** What our side said at the end; the suite shows it when the driver has failed. */
const lastWords = (output: string): string => /\nStderr:\n([^]*?)\n\nChecks:/.exec(output)?.[1] ?? '';
