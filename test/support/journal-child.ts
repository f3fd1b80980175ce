import { JournalFiles } from '../../src/node/journal-files.js';
import { RecordingLog } from './recording-log.js';

/** Another window's process, for tests: writes to the journal until it is killed, and says when each text is there. */
const [folder = ''] = process.argv.slice(2);
const journal = new JournalFiles(folder, new RecordingLog());
for (let number = 1; ; number++) {
  await journal.write('a', `${number} `.repeat(20_000));
  process.stdout.write(`written ${number}\n`);
}
