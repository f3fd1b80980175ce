import { ours } from './ours.js';
import { probes, run, type Outcome } from './probes.js';
import { sdk } from './sdk.js';

/** `npm run probes`: what the conformance suite does not ask, of this extension and beside it of the official client. */
const rows: (readonly [Outcome, Outcome])[] = [];
for (const probe of probes) rows.push([await run(probe, ours), await run(probe, sdk)]);

const mark = ({ hasPassed }: Outcome): string => (hasPassed ? '✓' : '✗ misses');
const lines = rows.map(([own, other]) => [own.probe, own.wanted, mark(own), mark(other)]);
const sums = [0, 1].map((side) => String(rows.filter((row) => row[side]?.hasPassed).length));
const [own, other] = rows[0] ?? [];
const table = [
  ['probe', 'wanted', own?.peer ?? '', other?.peer ?? ''],
  ...lines,
  [`of ${rows.length}`, '', ...sums],
];
const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
const text = table.map((line) =>
  line
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd(),
);
process.stdout.write(`${text.join('\n')}\n`);
if (rows.some(([{ hasPassed }]) => !hasPassed)) process.exitCode = 1;
