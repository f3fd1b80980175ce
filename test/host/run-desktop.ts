import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runTests } from '@vscode/test-electron';
import { FormBrowser } from '../support/form-browser.js';
import { alice, bob, isCalled } from '../support/test-users.js';
import { buildBroker, buildCompanion, projectRoot } from './packages.js';
import { bundleSuites, handOver } from './run-suites.js';
import { handoverVariable } from './suites/handover.js';
import { SuitesGround } from './suites-ground.js';

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
    const ground = await SuitesGround.start({ extraRoutes: signInForBrowser });
    const handover = await handOver({ grep: values.grep, data: ground.outside });
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
      await ground.close();
      await rm(home, { recursive: true, force: true });
    }
  }
}

/**
 * Nobody can press buttons in the system's browser. When it comes with a sign-in, another browser that can goes
 * through the same pages, up to the redirect, and this one only gets to hear about it.
 */
function signInForBrowser(req: IncomingMessage, res: ServerResponse): boolean {
  const isSystemBrowser = /^Mozilla/.test(req.headers['user-agent'] ?? '');
  if (!isSystemBrowser || !req.url?.startsWith('/auth?')) return false;
  const url = new URL(req.url, `http://${req.headers.host ?? ''}`);
  const hint = url.searchParams.get('login_hint') ?? '';
  const user = [alice, bob].find((each) => isCalled(each, hint)) ?? alice;
  const browser = new FormBrowser({ username: user.subject, password: user.password, decision: 'allow' });
  void browser.open(url.href).then(({ text }) => res.end(text));
  return true;
}

await main();
