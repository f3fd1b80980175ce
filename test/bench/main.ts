import { parseArgs } from 'node:util';
import { bench, topicNames } from './bench.js';
import { fullSizes } from './sizes.js';
import { jsonOf, tableOf } from './table.js';

/** `npm run bench [-- <topic>… --json]`: prints the table, or every value. Exits when nothing is left to do. */
const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const rows = await bench(fullSizes, positionals.length === 0 ? topicNames : positionals, ({ name }) => {
  if (values.json !== true) process.stderr.write(`measured: ${name}\n`);
});
process.stdout.write(`${values.json === true ? jsonOf(rows) : tableOf(rows)}\n`);
