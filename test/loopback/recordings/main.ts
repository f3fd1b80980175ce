import { parseArgs } from 'node:util';
import type { Deed } from '../../support/deed.js';
import { editor } from './editor.js';
import { mcpRemote } from './mcp-remote.js';
import { officialStateful, officialStateless } from './official.js';
import { writeRecording } from './recording.js';

const recorders: Readonly<Record<string, () => Promise<readonly Deed[]>>> = {
  'official-stateful': officialStateful,
  'official-stateless': officialStateless,
  'mcp-remote': mcpRemote,
  editor,
};

/** `npm run record [-- <name> …]`: records anew how real clients and servers talk, all of them or those that are named. */
const { positionals } = parseArgs({ allowPositionals: true });
for (const [name, record] of Object.entries(recorders)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const deeds = await record();
  writeRecording({ name, deeds });
  process.stdout.write(`${name}: ${deeds.length} deeds\n`);
}
// Whatever a failed start has left open must not keep a run from ending.
process.exit();
