import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { BrowserContext, Page } from 'playwright-core';
import { startHost, type HostOptions } from './host.js';
import { buildCompanion } from './packages.js';
import { runDir } from './provision.js';
import { handoverVariable, type Handover } from './suites/handover.js';

/** A run that has not ended by then never will. */
const runLimitMs = 10 * 60_000;

/** How the suites inside the extension host are run. */
export type SuitesOptions = HostOptions & {
  /** Runs only the tests whose titles match. */
  readonly grep?: string | undefined;
  /** Handed to the suites, which read it with `readHandover().data`; must be JSON. */
  readonly data?: unknown;
  /** Called with every page that the editor opens, such as a sign-in, to do what a user would do there. */
  readonly onPage?: (page: Page) => Promise<void>;
};

/**
 * Runs `suites/*.test.ts` inside the extension host of a fresh editor, with the broker installed as it ships,
 * and prints their results as mocha does. Dialogs are suppressed by the editor's test driver.
 * @returns whether all of them passed
 */
export async function runSuites(options: SuitesOptions = {}): Promise<boolean> {
  const testsPath = await bundleSuites();
  const handover = await handOver(options);
  const host = await startHost({
    ...options,
    serverOptions: ['enable-smoke-test-driver', ...(options.serverOptions ?? [])],
    env: { ...options.env, [handoverVariable]: handover.path },
  });
  try {
    const page = host.context.pages()[0] ?? (await host.context.newPage());
    const exitCode = exitCodeOf(page, host.context, options.onPage);
    await page.exposeFunction('codeAutomationLog', () => undefined);
    const payload = [
      // The editor insists on an extension under development before it runs tests. The companion may be one;
      // the broker is tested as it ships.
      ['extensionDevelopmentPath', remote(await buildCompanion())],
      ['extensionTestsPath', remote(testsPath)],
      ['skipWelcome', 'true'],
    ];
    const query = new URLSearchParams({ folder: host.home.workspaceDir, payload: JSON.stringify(payload) });
    await page.goto(`${host.origin}/?${query.toString()}`);
    return (await exitCode) === 0;
  } finally {
    await host.stop();
    await handover.stop();
  }
}

/** Bundles all suites with their runner into one module that exports `run`, as the editor wants it. */
export async function bundleSuites(): Promise<string> {
  const suitesDir = join(import.meta.dirname, 'suites');
  const files = (await readdir(suitesDir)).filter((name) => name.endsWith('.test.ts')).sort();
  const outfile = join(runDir, 'suites/index.cjs');
  await build({
    stdin: {
      contents: `
        import { runInHost } from './runner.js';
        export const run = () => runInHost(async () => {
          ${files.map((name) => `await import('./${name}');`).join('\n')}
        });`,
      resolveDir: suitesDir,
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    sourcemap: 'inline',
    // mocha finds its own parts by path, so it is loaded from where it is installed.
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  return outfile;
}

/** Writes down what the suites need to know, and prints what they have to say. */
export async function handOver({
  data,
  grep,
}: Pick<SuitesOptions, 'data' | 'grep'>): Promise<{ path: string; stop: () => Promise<void> }> {
  const output = createServer((socket) => socket.pipe(process.stdout, { end: false }));
  await new Promise<void>((resolve) => output.listen(0, '127.0.0.1', resolve));
  const handover: Handover = {
    outputPort: (output.address() as AddressInfo).port,
    useColors: process.stdout.isTTY,
    grep,
    data,
  };
  const path = join(runDir, 'suites/handover.json');
  await mkdir(join(runDir, 'suites'), { recursive: true });
  await writeFile(path, JSON.stringify(handover));
  return { path, stop: () => new Promise((resolve) => output.close(() => resolve())) };
}

/** In a browser the extension host is remote, and this is how it is addressed whatever its port. */
const remote = (path: string): string => `vscode-remote://remote${path}`;

/** Settles when the suites have ended, when a page could not be handled, or when it has taken too long. */
function exitCodeOf(page: Page, context: BrowserContext, onPage: SuitesOptions['onPage']): Promise<number> {
  return new Promise((resolve, reject) => {
    setTimeout(
      () => reject(new Error(`The suites did not end within ${runLimitMs} ms.`)),
      runLimitMs,
    ).unref();
    context.on('page', (opened) => void onPage?.(opened).catch(reject));
    page.exposeFunction('codeAutomationExit', resolve).catch(reject);
  });
}
