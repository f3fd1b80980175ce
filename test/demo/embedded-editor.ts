import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { provisionChromium } from '../host/chromium.js';
import { provisionEditor } from '../host/provision.js';
import { installExtensions, startServer, type Home } from '../host/server.js';
import type { DemoEditor } from './demo-editor.js';
import { hasScreen } from './screen.js';

/** Starts the VS Code from npm, and a browser on it where there is a screen. */
export async function startEmbeddedEditor(
  home: Home,
  vsixPaths: readonly string[],
  { browser = hasScreen() }: { browser?: boolean } = {},
): Promise<DemoEditor> {
  const installation = await provisionEditor();
  await installExtensions(installation, home, vsixPaths);
  // Sockets and the like go where everything else of the demo is, and so away with it.
  const temporaryDir = join(home.root, 'tmp');
  await mkdir(temporaryDir, { recursive: true });
  const server = await startServer(installation, home, { env: { TMPDIR: temporaryDir } });
  const url = `http://127.0.0.1:${server.port}/?folder=${encodeURIComponent(home.workspaceDir)}`;
  const unseen = {
    where: url,
    isOpen: false,
    closed: new Promise(() => undefined),
    stop: () => server.stop(),
  };
  if (!browser) return unseen;
  try {
    const window = await openBrowser(url, home.browserProfileDir);
    return {
      where: url,
      isOpen: true,
      closed: window.closed,
      stop: async () => {
        await window.close();
        await server.stop();
      },
    };
  } catch (error) {
    // The rest is a log of the browser.
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
    console.log(`No browser could be opened: ${reason ?? ''}`);
    return unseen;
  }
}

async function openBrowser(url: string, profileDir: string) {
  const context = await chromium.launchPersistentContext(profileDir, {
    executablePath: await provisionChromium(),
    headless: false,
    // Chromium refuses to build its sandbox for root.
    chromiumSandbox: process.getuid?.() !== 0,
    // The page is as large as its window.
    viewport: null,
    args: ['--no-first-run', '--disable-background-networking', '--window-size=1400,900'],
    // Ctrl+C is for the demo, which closes the browser in its turn.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  const closed = new Promise((resolve) => context.once('close', resolve));
  const page = context.pages()[0] ?? (await context.newPage());
  await page.goto(url);
  return { closed, close: () => context.close() };
}
