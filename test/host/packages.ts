import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { command } from './command.js';
import { runDir } from './provision.js';

/** Where `package.json` is. */
export const projectRoot = join(import.meta.dirname, '../..');
const packagesDir = join(runDir, 'packages');

/** Builds the broker as it ships, with the script that ships it, and returns the path of the `.vsix`. */
export async function packageBroker(): Promise<string> {
  const path = join(packagesDir, 'mcp-credential-broker.vsix');
  await mkdir(packagesDir, { recursive: true });
  await npmRun('package', '--out', path);
  return path;
}

/** Builds the broker in the project's folder, to be run from there. */
export const buildBroker = (): Promise<void> => npmRun('build');

async function npmRun(script: string, ...args: string[]): Promise<void> {
  await command('npm', ['run', '--silent', script, '--', ...args], { cwd: projectRoot });
}

/** The companion as an unpacked extension, freshly built. */
export async function buildCompanion(): Promise<string> {
  const folder = join(packagesDir, 'companion');
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, 'companion/extension.ts')],
    outfile: join(folder, 'extension.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    external: ['vscode'],
    logLevel: 'warning',
  });
  await copyFile(join(import.meta.dirname, 'companion/manifest.json'), join(folder, 'package.json'));
  return folder;
}

/** The companion as a `.vsix`, freshly built. */
export async function packageCompanion(): Promise<string> {
  const path = join(packagesDir, 'mcp-credential-broker-companion.vsix');
  const vsce = join(projectRoot, 'node_modules/@vscode/vsce/vsce');
  const leniency = ['--no-dependencies', '--allow-missing-repository', '--skip-license'];
  await command(process.execPath, [vsce, 'package', ...leniency, '--out', path], {
    cwd: await buildCompanion(),
  });
  return path;
}
