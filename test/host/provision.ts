import { existsSync, rmSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { command } from './command.js';

/** The npm release that carries the editor under test; its minor version is that of the VS Code in it. */
const editorVersion = '4.139.1';

/** Everything the host tests put on the disk and want to find again: editors, packages, screenshots. */
export const cacheDir = join(import.meta.dirname, '../../.vscode-test');

/**
 * Where this process puts what is of no use to another: packages and bundles, which a second run in the same
 * checkout would replace under our feet. Gone when the process ends.
 */
export const runDir = join(cacheDir, `run-${process.pid}`);
process.once('exit', () => rmSync(runDir, { recursive: true, force: true }));

/** The VS Code inside an installation of code-server. */
const vscodeDir = 'node_modules/code-server/lib/vscode';

/** A VS Code that is ready to be started. */
export type EditorInstallation = {
  /** The script to run with Node 24. */
  readonly entry: string;
};

/**
 * Puts the editor under `.vscode-test/` unless it is there, and says so in one line, since it takes a while.
 * An installation that was interrupted is not found, because it gets its final name last.
 */
export async function provisionEditor(version = editorVersion): Promise<EditorInstallation> {
  const home = join(cacheDir, `code-server-${version}`);
  const product = join(home, 'node_modules/code-server');
  const installation = { entry: join(product, 'out/node/entry.js') };
  if (existsSync(installation.entry)) return installation;

  console.log(`Installing the editor (code-server ${version}, about 600 MB) into ${home} …`);
  const unfinished = `${home}.${process.pid}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  // Keeps npm from taking the project around this folder for the place to install into.
  await writeFile(join(unfinished, 'package.json'), '{ "private": true }\n');
  await npm(unfinished, 'install', `code-server@${version}`);
  await npm(join(unfinished, vscodeDir), 'install', '--omit=dev');
  await copyFile(
    join(import.meta.dirname, 'log-writer.cjs'),
    join(unfinished, vscodeDir, 'node_modules/@vscode/spdlog/index.js'),
  );
  await mkdir(dirname(home), { recursive: true });
  await rename(unfinished, home).catch(async (error: unknown) => {
    // Another run was faster; its installation is as good as ours.
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(installation.entry)) throw error;
  });
  return installation;
}

/**
 * Without install scripts: they would compile native modules, which want a C++ toolchain, while the editor
 * only misses its terminal without them.
 */
async function npm(cwd: string, ...args: string[]): Promise<void> {
  await command('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund'], { cwd });
}
