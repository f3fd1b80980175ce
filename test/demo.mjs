import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { install } from './support/install.mjs';

/**
 * `npm start`, as the first command in a fresh clone too. Runs on the Node of a bare machine, installs what is
 * missing, and leaves the rest to `demo/main.ts` on the project's own Node.
 */
install();
const child = spawn('node', ['--import=tsx', 'test/demo/main.ts', ...process.argv.slice(2)], {
  cwd: join(import.meta.dirname, '..'),
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
// The demo ends in its own time, and we with it. A terminal sends Ctrl+C to both of us, npm to one of us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
