import { appendFileSync } from 'node:fs';
import { LeaseFiles } from '../../src/node/lease-file.js';
import { RecordingLog } from './recording-log.js';

/**
 * Another window's process, for tests: takes the lease on `name` as often as it is told on its standard input and
 * tells of each step on its standard output. `hold` keeps it until `release`; `work` takes it, notes begin and end in
 * a file, and gives it back.
 */
const [folder = '', journal = ''] = process.argv.slice(2);
const leases = new LeaseFiles(folder, new RecordingLog());
const say = (text: string) => process.stdout.write(`${text}\n`);
let release: () => void = () => undefined;

process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  for (const line of text.split('\n').filter((line) => line !== '')) void run(line);
});

async function run(line: string): Promise<void> {
  const [command, name = '', times = '1'] = line.split(' ');
  if (command === 'release') release();
  if (command === 'hold') {
    await leases.hold(name, async (lease) => {
      const released = new Promise<void>((resolve) => (release = resolve));
      say('held');
      await released;
      say(`isHeld ${String(await lease.isHeld())}`);
    });
    say('released');
  }
  if (command === 'work') {
    for (let round = 0; round < Number(times); round++) {
      await leases.hold(name, async () => {
        appendFileSync(journal, `begin ${process.pid}\n`);
        await new Promise((resolve) => setTimeout(resolve, 1));
        appendFileSync(journal, `end ${process.pid}\n`);
      });
    }
    say('done');
  }
}
say('ready');
