import { parseArgs } from 'node:util';
import { Month, type MonthReport } from './month.js';
import { mutationNames } from './mutations.js';
import { runProcesses } from './processes.js';

const help = `npm run test:soak -- [options]

Lives through a month with 8 windows and 20 credentials on a virtual clock, in which everything goes wrong that can,
and looks after every step for what must not happen.

  --seed N        the month of this seed again
  --months N      so many months, of this seed and the next ones
  --days N        fewer days than a month
  --mutation M    with a broken broker, which must be found out: ${mutationNames.join(', ')}
  --trace         prints what the windows log, and ends at the first thing that should not have happened
  --processes     8 real processes and a real authorization server instead, killed at every step of a renewal
  --rounds N      so many expiries of those
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    months: { type: 'string', default: '1' },
    days: { type: 'string', default: '30' },
    mutation: { type: 'string' },
    trace: { type: 'boolean', default: false },
    processes: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '200' },
    help: { type: 'boolean', default: false },
  },
});

const mutation = mutationNames.find((name) => name === values.mutation);
if (values.help || (values.mutation !== undefined && mutation === undefined)) {
  print(help);
  process.exit(values.help ? 0 : 2);
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printReport({ seed, counts, violations, realMs }: MonthReport): void {
  const width = String(Math.max(...counts.values())).length;
  for (const [what, count] of [...counts].sort(([a], [b]) => a.localeCompare(b, 'en'))) {
    print(`  ${String(count).padStart(width)}  ${what}`);
  }
  for (const violation of violations) print(`  ✗ ${violation}`);
  const outcome =
    violations.length === 0 ? 'nothing that should not have happened' : `${violations.length} violations`;
  print(`seed ${seed}: ${outcome}, in ${(realMs / 1000).toFixed(1)} s; again with --seed ${seed}`);
}

const tracing = (level: string) => (message: string) => process.stderr.write(`${level} ${message}\n`);

async function runMonths(): Promise<boolean> {
  let isSound = true;
  let [renewals, realMs] = [0, 0];
  for (let month = 0; month < Number(values.months); month++) {
    print(`seed ${seed + month}${mutation === undefined ? '' : ` with the mutation ${mutation}`}`);
    const report = await Month.run({
      seed: seed + month,
      days: Number(values.days),
      windows: 8,
      credentials: 20,
      ...(mutation !== undefined && { mutation }),
      ...(values.trace && {
        stopsAtViolation: true,
        log: {
          debug: tracing('debug'),
          info: tracing('info'),
          warn: tracing('warn'),
          error: tracing('error'),
        },
      }),
    });
    printReport(report);
    isSound &&= report.violations.length === 0;
    renewals += report.counts.get('renewals at the issuers') ?? 0;
    realMs += report.realMs;
  }
  const perMinute = (count: number) => ((count * 60_000) / realMs).toFixed(1);
  const months = Number(values.months);
  print(
    `in a minute: ${Math.round((renewals * 60_000) / realMs)} renewals, ` +
      `${perMinute(months * Number(values.days))} days with 8 windows and 20 credentials each`,
  );
  return isSound;
}

const isSound = values.processes ? await runProcesses(Number(values.rounds), seed, print) : await runMonths();
process.exit(isSound ? 0 : 1);
