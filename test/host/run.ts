import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Mocha from 'mocha';
import { hooks } from './hooks.js';
import { runLong } from './long-run.js';
import { runSuites } from './run-suites.js';
import { signInOnPage } from './sign-in-page.js';
import { SuitesGround } from './suites-ground.js';

/** A journey starts an editor or two and waits for tokens to expire. */
const journeyLimitMs = 3 * 60_000;

/**
 * `npm run test:host [-- -g <pattern>]`: first the suites inside the extension host, then the journeys of a
 * user, both with the packaged broker in a real VS Code. With `--minutes <n>` instead: the long run.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { grep: { type: 'string', short: 'g' }, minutes: { type: 'string' } },
  });
  // The editor is in a process group of its own, so a signal to ours does not reach it; our exit ends it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  if (values.minutes !== undefined) {
    process.exitCode = (await runLong(Number(values.minutes))) ? 0 : 1;
    return;
  }
  const suitesPassed = await runSuitesOnGround(values.grep);
  const journeysPassed = await runJourneys(values.grep);
  process.exitCode = suitesPassed && journeysPassed ? 0 : 1;
}

async function runSuitesOnGround(grep: string | undefined): Promise<boolean> {
  const ground = await SuitesGround.start();
  try {
    return await runSuites({
      grep,
      data: ground.outside,
      onPage: async (page) => {
        await signInOnPage(page);
        await page.close();
      },
    });
  } finally {
    await ground.close();
  }
}

async function runJourneys(grep: string | undefined): Promise<boolean> {
  const mocha = new Mocha({ timeout: journeyLimitMs, forbidOnly: true, rootHooks: hooks });
  if (grep === undefined) mocha.failZero();
  else mocha.grep(grep);
  // Imported here and not by mocha, which would load the editor's driver a second time, as CommonJS, so that
  // the hooks and the journeys knew different editors.
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  const files = await readdir(join(import.meta.dirname, 'journeys'));
  for (const file of files.filter((name) => name.endsWith('.test.ts')).sort()) {
    await import(`./journeys/${file}`);
  }
  return (await new Promise<number>((resolve) => mocha.run(resolve))) === 0;
}

await main();
// Whatever a failed start has left open must not keep a run from ending.
process.exit();
