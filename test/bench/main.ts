import { bench } from './bench.js';
import { fullSizes } from './sizes.js';
import { jsonOf, tableOf } from './table.js';

/** `npm run bench`: prints the table, or with `--json` every value. Exits when nothing is left to do. */
const isJson = process.argv.includes('--json');
const rows = await bench(fullSizes, ({ name }) => {
  if (!isJson) process.stderr.write(`measured: ${name}\n`);
});
process.stdout.write(`${isJson ? jsonOf(rows) : tableOf(rows)}\n`);
