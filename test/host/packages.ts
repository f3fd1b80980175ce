import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { createVSIX } from '@vscode/vsce';
import { cacheDir } from './provision.js';

const run = promisify(execFile);

const root = join(import.meta.dirname, '../..');
const packagesDir = join(cacheDir, 'packages');

/** Builds the broker as it ships, with the script that ships it, and returns the path of the `.vsix`. */
export async function packageBroker(): Promise<string> {
  const path = join(packagesDir, 'mcp-credential-broker.vsix');
  await mkdir(packagesDir, { recursive: true });
  try {
    await run('npm', ['run', '--silent', 'package', '--', '--out', path], {
      cwd: root,
      shell: process.platform === 'win32',
      maxBuffer: 16 * 1024 * 1024,
    });
  } catch (cause) {
    throw new Error('`npm run package` failed.', { cause });
  }
  return path;
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
  const packagePath = join(packagesDir, 'mcp-credential-broker-companion.vsix');
  await createVSIX({
    cwd: await buildCompanion(),
    packagePath,
    dependencies: false,
    allowMissingRepository: true,
    skipLicense: true,
  });
  return packagePath;
}
