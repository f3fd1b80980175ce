import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import { provisionChromium } from './chromium.js';
import { packageBroker, packageCompanion } from './packages.js';
import { provisionEditor } from './provision.js';
import { homeIn, installExtensions, startServer, type EditorServer, type Home } from './server.js';

/** What an editor is started with. */
export type HostOptions = {
  /** The broker's `.vsix`. Built once per process when left out. */
  readonly broker?: string;
  /** More packaged extensions, besides the companion, which is always there. */
  readonly extraExtensions?: readonly string[];
  /** User settings, on top of those that keep the editor quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Settings of the computer that the extensions run on, where the editor looks for some and not in the user's. */
  readonly machineSettings?: Readonly<Record<string, unknown>>;
  readonly workspaceSettings?: Readonly<Record<string, unknown>>;
  /** Environment variables for the extension host. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of an editor that was closed with its profile kept; its extensions and settings stay. */
  readonly homeDir?: string;
  /** Options of the VS Code server itself, such as `enable-smoke-test-driver`. */
  readonly serverOptions?: readonly string[];
  /** Names that lead somewhere in the browser, which otherwise leaves the computer for none. */
  readonly browserNames?: BrowserNames;
  /** Opens the browser where somebody can see it. */
  readonly headed?: boolean;
};

type BrowserNames = {
  /** As certificates have them; `*.` stands for one label. */
  readonly names: readonly string[];
  /** Where they lead, as `host:port`. */
  readonly address: string;
  /** The public key (SHA-256 of it) that the browser takes there, whoever has signed it. */
  readonly spkiHash: string;
};

/** An editor server and a browser profile of its own, with no window open yet. */
export type Host = {
  readonly home: Home;
  readonly server: EditorServer;
  readonly context: BrowserContext;
  /** Where the server serves the workbench. */
  readonly origin: string;
  /** Every modal dialog that has been on the screen, in any window, also when it is long gone. */
  readonly dialogs: readonly string[];
  /** Ends browser, server and all their children, and removes their folder unless it is kept. */
  stop(options?: { keepProfile?: boolean }): Promise<void>;
};

/** Nothing that a test did not ask for: no welcome, tips, updates, recommendations or telemetry. */
const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  // What moves cannot be clicked, and makes a poor picture.
  'workbench.reduceMotion': 'on',
  'workbench.enableExperiments': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'window.confirmBeforeClose': 'never',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  // Every port an extension listens on would raise a notification otherwise.
  'remote.autoForwardPorts': false,
  'git.enabled': false,
};

/** Keeps the browser to loopback: neither its own background traffic nor the workbench's leaves the computer. */
function isolation(known: BrowserNames | undefined): string[] {
  const own = known?.names.map((name) => `MAP ${name} ${known.address}`) ?? [];
  const none = [
    'MAP * ~NOTFOUND',
    ...['localhost', '127.0.0.1', '[::1]', '::1'].map((name) => `EXCLUDE ${name}`),
  ];
  return [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    `--host-resolver-rules=${[...own, ...none].join(' , ')}`,
    ...(known === undefined ? [] : [`--ignore-certificate-errors-spki-list=${known.spkiHash}`]),
  ];
}

let packaged: Promise<string> | undefined;
let companion: Promise<string> | undefined;

/** Provisions what is missing, installs the extensions and starts server and browser. */
export async function startHost(options: HostOptions): Promise<Host> {
  const [installation, executablePath] = await Promise.all([provisionEditor(), provisionChromium()]);
  const home = homeIn(options.homeDir ?? (await realpath(await mkdtemp(join(tmpdir(), 'mcp-broker-host-')))));
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async ({ keepProfile = false } = {}) => {
    // In reverse order, and each although another fails, so that no process is left behind.
    const results = await Promise.allSettled([...stops].reverse().map((end) => end()));
    if (!keepProfile) await rm(home.root, { recursive: true, force: true, maxRetries: 5 });
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  try {
    // A kept profile still names the companion of the last time.
    await rm(home.controlFile, { force: true });
    if (options.homeDir === undefined) {
      await writeSettings(home, options);
      await installExtensions(installation, home, await packages(options));
    }
    const server = await startServer(installation, home, {
      port: await lastPort(home),
      options: options.serverOptions ?? [],
      env: options.env ?? {},
    });
    stops.push(() => server.stop());
    await writeFile(portFile(home), `${server.port}`);
    const context = await chromium.launchPersistentContext(home.browserProfileDir, {
      executablePath,
      headless: options.headed !== true,
      // Chromium refuses to build its sandbox for root.
      chromiumSandbox: process.getuid?.() !== 0,
      viewport: { width: 1400, height: 900 },
      args: isolation(options.browserNames),
    });
    stops.push(() => context.close());
    const dialogs: string[] = [];
    await noteDialogs(context, (text) => dialogs.push(text));
    return { home, server, context, origin: `http://127.0.0.1:${server.port}`, dialogs, stop };
  } catch (error) {
    await stop({ keepProfile: options.homeDir !== undefined });
    throw error;
  }
}

/** A dialog that comes and goes between two looks must not go unnoticed. */
async function noteDialogs(context: BrowserContext, note: (text: string) => void): Promise<void> {
  await context.exposeFunction('noteDialog', note);
  // Text, because the project's types know no DOM.
  await context.addInitScript(`{
    const seen = new WeakSet();
    const look = () => {
      for (const dialog of document.querySelectorAll('.monaco-dialog-box')) {
        if (seen.has(dialog)) continue;
        seen.add(dialog);
        noteDialog(dialog.innerText);
      }
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
  }`);
}

async function packages({ broker, extraExtensions = [] }: HostOptions): Promise<string[]> {
  const ours = broker ?? (await (packaged ??= packageBroker()));
  return [ours, await (companion ??= packageCompanion()), ...extraExtensions];
}

async function writeSettings(
  home: Home,
  { settings, machineSettings, workspaceSettings }: HostOptions,
): Promise<void> {
  await writeJson(join(home.userDataDir, 'User'), { ...quietSettings, ...settings });
  await writeJson(join(home.userDataDir, 'Machine'), machineSettings ?? {});
  await mkdir(home.workspaceDir, { recursive: true });
  if (workspaceSettings !== undefined) {
    await writeJson(join(home.workspaceDir, '.vscode'), workspaceSettings);
  }
}

async function writeJson(folder: string, settings: object): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'settings.json'), `${JSON.stringify(settings, undefined, 2)}\n`);
}

const portFile = (home: Home): string => join(home.root, 'port');

/** The browser keeps storage by origin, so the same profile needs the same port to find it again. */
async function lastPort(home: Home): Promise<number> {
  return existsSync(portFile(home)) ? Number(await readFile(portFile(home), 'utf8')) : 0;
}
