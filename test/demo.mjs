import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
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
// What ends npm's shell otherwise does not reach us, but leaves us without a parent.
const parent = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(watch);
  child.kill('SIGTERM');
}, 1_000);
child.once('exit', (code) => {
  clearInterval(watch);
  process.exitCode = code ?? 1;
});
