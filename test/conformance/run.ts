import { availableParallelism } from 'node:os';
import { authorizationRuns } from './scenarios.js';
import { judge, type Verdict } from './suite.js';
import { jsonOf, tableOf } from './table.js';

/**
 * `npm run test:conformance`: every authorization scenario of the official suite against our broker, or those whose
 * names contain one of the arguments. Prints a table, or with `--json` every verdict; fails when one run has failed.
 */
const words = process.argv.slice(2);
const isJson = words.includes('--json');
const names = words.filter((word) => !word.startsWith('--'));
const runs = authorizationRuns().filter(
  ({ scenario }) => names.length === 0 || names.some((name) => scenario.includes(name)),
);

/** Each run is two processes, which take turns. */
const atOnce = Math.min(availableParallelism(), 4);

const startedAtMs = performance.now();
const queue = [...runs.entries()];
const verdicts: Verdict[] = [];
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [at, run] = next;
      verdicts[at] = await judge(run);
      if (!isJson)
        process.stderr.write(`${verdicts[at].hasPassed ? '✓' : '✗'} ${run.scenario} on ${run.wire}\n`);
    }
  }),
);

process.stdout.write(`${isJson ? jsonOf(verdicts) : tableOf(verdicts)}\n`);
const passing = verdicts.filter(({ hasPassed }) => hasPassed).length;
const failing = verdicts.length - passing;
if (!isJson) {
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  process.stdout.write(
    `\n  ${passing} passing (${seconds}s)\n${failing > 0 ? `  ${failing} failing\n` : ''}`,
  );
}
process.exitCode = failing === 0 && passing > 0 ? 0 : 1;
