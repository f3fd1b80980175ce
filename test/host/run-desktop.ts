import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runTests } from '@vscode/test-electron';
import { buildBroker, buildCompanion, projectRoot } from './packages.js';
import { bundleSuites, handOver } from './run-suites.js';
import { handoverVariable } from './suites/handover.js';

/** The oldest editor that `engines.vscode` admits comes first: what breaks there breaks for users. */
const versions = ['1.105.0', 'stable'];

/**
 * `npm run test:desktop [-- -g <pattern>]`: the suites of `test:host` in desktop VS Code, which has what a
 * browser lacks, above all the system's keyring. It downloads the editor and needs a display, so it has not
 * been tried on machines without them: expect to adjust it on its first run.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { grep: { type: 'string', short: 'g' } } });
  await buildBroker();
  const extensionDevelopmentPath = [projectRoot, await buildCompanion()];
  const extensionTestsPath = await bundleSuites();
  for (const version of versions) {
    const home = await mkdtemp(join(tmpdir(), 'mcp-broker-desktop-'));
    const handover = await handOver({ grep: values.grep });
    try {
      await runTests({
        version,
        extensionDevelopmentPath,
        extensionTestsPath,
        extensionTestsEnv: { [handoverVariable]: handover.path },
        launchArgs: [home, '--user-data-dir', join(home, 'user-data'), '--disable-extensions'],
      });
    } finally {
      await handover.stop();
      await rm(home, { recursive: true, force: true });
    }
  }
}

await main();
