import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'node_modules/.bin');

/**
 * Makes `node_modules` what `package-lock.json` says, and Node the one in it. Runs on the Node of a bare
 * machine and needs nothing but npm, so it comes first in every command that has to work in a fresh clone.
 * Puts the project's tools first on the PATH of this process and its children.
 */
export function install() {
  if (!isInstalled()) {
    console.log('Installing dependencies …');
    npm('ci', '--no-audit', '--no-fund');
  }
  const wanted = `v${locked('package-lock.json')['node_modules/node'].version}`;
  // npm may have held back the install script that fetches this binary; asked by name it runs it.
  if (nodeVersion() !== wanted) npm('rebuild', 'node', '--foreground-scripts');
  const found = nodeVersion();
  if (found !== wanted) {
    throw new Error(
      `The tools need Node ${wanted}, but node_modules/.bin/node is ${found ?? 'missing'}. ` +
        'Its install script has not run: allow install scripts in npm, then run `npm ci` again.',
    );
  }
  process.env.PATH = `${bin}${delimiter}${process.env.PATH}`;
}

/**
 * Whether every locked package is there in its locked version. Dates would not tell: an `npm install` writes
 * the lock file after the packages, and a checkout touches it without changing it.
 */
function isInstalled() {
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false;
  const installed = locked('node_modules/.package-lock.json');
  return Object.entries(locked('package-lock.json')).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' ||
      installed[path]?.version === version ||
      // What is meant for another system stays out.
      (installed[path] === undefined && (optional === true || devOptional === true)),
  );
}

/** @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>} */
function locked(file) {
  return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
}

function nodeVersion() {
  const { status, stdout } = spawnSync(join(bin, 'node'), ['-v'], { encoding: 'utf8', shell: isWindows });
  return status === 0 ? stdout.trim() : undefined;
}

const isWindows = process.platform === 'win32';

function npm(...args) {
  execFileSync('npm', args, { cwd: root, stdio: 'inherit', shell: isWindows });
}
