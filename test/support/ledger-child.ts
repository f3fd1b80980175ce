import { LeaseFiles } from '../../src/node/lease-file.js';
import { LedgerFiles } from '../../src/node/ledger-files.js';
import { RecordingLog } from './recording-log.js';

/** Another window's process, for tests: adds lines to the ledger, or folds it, as often as it is told to. */
const [folder = '', leases = ''] = process.argv.slice(2);
const log = new RecordingLog();
const ledger = new LedgerFiles(folder, new LeaseFiles(leases, log), log);

process.stdin.setEncoding('utf8');
process.stdin.on('data', (line: string) => void run(line.trim().split(' ')));

async function run([command, ...numbers]: readonly string[]): Promise<void> {
  const [first = 0, second = 0] = numbers.map(Number);
  if (command === 'fold') for (let n = 0; n < first; n++) await ledger.fold((lines) => [...new Set(lines)]);
  else for (let n = 0; n < second; n++) await ledger.append([`${first} ${n}`]);
  process.stdout.write('done\n');
}
process.stdout.write('ready\n');
