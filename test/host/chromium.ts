import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { command } from './command.js';

/** Names under which systems install a browser that Playwright can drive as Chromium. */
const programs = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge'];

const macApplications = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/**
 * The path of a Chromium. In this order: what `CHROMIUM_PATH` names, the system's, Playwright's own; when
 * there is none, Playwright downloads its own or, as root on Debian, the system's package is installed.
 * @throws Error that names the ways to help when none of them worked
 */
export async function provisionChromium(): Promise<string> {
  const named = process.env['CHROMIUM_PATH'];
  if (named !== undefined) {
    if (isExecutable(named)) return named;
    throw new Error(`CHROMIUM_PATH names ${named}, which cannot be executed.`);
  }
  const found = installed();
  if (found !== undefined) return found;

  const failures: unknown[] = [];
  for (const install of [installPlaywrights, installDebians]) {
    try {
      await install();
    } catch (error) {
      failures.push(error);
      continue;
    }
    const chromiumPath = installed();
    if (chromiumPath !== undefined) return chromiumPath;
  }
  throw new AggregateError(
    failures,
    'There is no Chromium, and none could be installed. Install Chromium or Chrome, or set CHROMIUM_PATH.',
  );
}

const installed = (): string | undefined =>
  [
    ...(process.env['PATH'] ?? '')
      .split(delimiter)
      .flatMap((folder) => programs.map((program) => join(folder, program))),
    ...(process.platform === 'darwin' ? macApplications : []),
    chromium.executablePath(),
  ].find(isExecutable);

async function installPlaywrights(): Promise<void> {
  console.log('Installing Chromium with Playwright …');
  await command('npx', ['playwright-core', 'install', 'chromium'], {
    // A download that is refused is refused at once; one that hangs must not hang the tests.
    timeout: 5 * 60_000,
  });
  // A Linux without the browser's libraries has a file that does not start.
  await command(chromium.executablePath(), ['--version']);
}

async function installDebians(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('The system package is only installed on Linux and as root.');
  }
  console.log('Installing Chromium with apt-get …');
  await command('apt-get', ['update']);
  await command('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
