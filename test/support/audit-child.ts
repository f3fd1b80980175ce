import { Counters } from '../../src/core/counters.js';
import { AuditFiles } from '../../src/node/audit-files.js';
import { RecordingLog } from './recording-log.js';

/**
 * Another window's process, for tests: records `count` events under `name`, numbered from 1, a few at a time, and
 * says up to which number they are written.
 */
const [folder = '', name = '', count = '', maxFileBytes = ''] = process.argv.slice(2);
const counters = new Counters();
const audit = new AuditFiles({
  folder: () => Promise.resolve(folder),
  rules: { isEnabled: () => true, maxFileBytes: () => Number(maxFileBytes), maxFiles: () => 1_000_000 },
  requireParent: () => Promise.resolve(),
  clock: { nowMs: () => Date.now() },
  counters,
  log: new RecordingLog(),
});
process.stdout.write('ready\n');
process.stdin.once('data', () => void run());

async function run(): Promise<void> {
  for (let generation = 1; generation <= Number(count); generation++) {
    audit.record({ kind: 'delivery', server: name, generation, scopes: ['a', 'b'.repeat(generation % 50)] });
    if (generation % 7 !== 0 && generation < Number(count)) continue;
    await audit.settled();
    process.stdout.write(`written ${generation}\n`);
  }
  process.stdout.write(`failed ${counters.get('audit.failures')}\n`);
  process.stdin.destroy();
}
