import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { stripVTControlCharacters } from 'node:util';
import { install } from './support/install.mjs';

const root = join(import.meta.dirname, '..');

/** The order in which a mistake is cheapest to find. */
const suites = ['unit', 'journeys', 'attacks', 'fuzz', 'contract', 'conformance', 'host'].map(
  (name) => `test:${name}`,
);

/** A part that takes longer hangs: it is ended, has failed, and the next one begins. */
const partLimitMs = 25 * 60_000;

/**
 * Everything a change must pass, as the first command in a fresh clone. One part after the other, each to its
 * end although another has failed, and a last line with the sum.
 */
async function main() {
  install();
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const sum = { passed: 0, failed: 0 };
  const add = ({ passed, failed }) => {
    sum.passed += passed;
    sum.failed += failed;
  };

  for (const step of Object.keys(scripts).filter((name) => name.startsWith('check:'))) {
    const { code } = await run(step);
    add(code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
  }
  for (const suite of suites.filter((name) => name in scripts)) {
    const { code, output } = await run(suite);
    const counts = { passed: counted(output, 'passing'), failed: counted(output, 'failing') };
    // A suite that crashes, or that runs no test, has failed although mocha counts nothing.
    const isBroken = counts.failed === 0 && (code !== 0 || counts.passed === 0);
    add(isBroken ? { ...counts, failed: 1 } : counts);
    if (isBroken) console.log(`\n${suite} did not run to its end (exit code ${code}).`);
  }

  console.log(`\n${sum.passed} passed, ${sum.failed} failed`);
  process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

/** Runs an npm script, shows what it prints, and returns that with its exit code. */
function run(script) {
  console.log(`\n> ${script}`);
  const child = spawn('npm', ['run', '--silent', script], {
    cwd: root,
    stdio: ['inherit', 'pipe', 'pipe'],
    // A pipe is no terminal, but what goes through it ends in one.
    env: process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env,
    shell: process.platform === 'win32',
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  child.stderr.pipe(process.stderr, { end: false });
  const limit = setTimeout(() => {
    console.log(`\n${script} takes longer than ${partLimitMs / 60_000} minutes.`);
    child.kill();
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
  }, partLimitMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, output });
    });
  });
}

/** The sum of mocha's own counts, such as `  12 passing (3s)`; a suite may run mocha more than once. */
function counted(output, what) {
  const lines = new RegExp(`^ +(\\d+) ${what}(?: \\(.*\\))?$`, 'gm');
  return [...stripVTControlCharacters(output).matchAll(lines)].reduce((sum, [, n]) => sum + Number(n), 0);
}

await main();
