import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { command } from '../host/command.js';
import { projectRoot } from '../host/packages.js';
import type { Home } from '../host/server.js';
import { until } from '../host/until.js';
import type { DemoEditor } from './demo-editor.js';
import { hasScreen } from './screen.js';

const isWindows = process.platform === 'win32';

/** What the editor gets to close its window by itself. */
const patienceMs = 5_000;

/** The desktop's `code`, with folders of its own, so that it neither sees nor changes the user's. */
export interface Desktop {
  start(vsixPaths: readonly string[], workspaceDir: string): Promise<DemoEditor>;
}

/** @returns undefined when there is no `code` on PATH that can show a window here and is new enough */
export async function findDesktop(home: Home): Promise<Desktop | undefined> {
  // In the terminal of a remote window `code` talks to the window, and knows no profile of its own.
  if (process.env['VSCODE_IPC_HOOK_CLI'] !== undefined || !hasScreen()) return undefined;
  const code = await onPath(isWindows ? 'code.cmd' : 'code');
  if (code === undefined) return undefined;
  const common = ['--user-data-dir', home.userDataDir, '--extensions-dir', home.extensionsDir];
  const run = (...args: string[]) =>
    command(quoted(code), [...args, ...common].map(quoted), { env: environment(), shell: isWindows });

  const version = (await run('--version').catch(() => '')).split('\n', 1)[0]?.trim() ?? '';
  const oldest = oldestVersion();
  if (!isAtLeast(version, oldest)) {
    console.log(`The VS Code on PATH (${version || 'unknown version'}) is older than ${oldest}.`);
    return undefined;
  }
  return {
    start: async (vsixPaths, workspaceDir) => {
      await run(...vsixPaths.flatMap((path) => ['--install-extension', path]));
      return open(code, [...common, '--new-window', '--wait', workspaceDir], home);
    },
  };
}

function open(code: string, args: readonly string[], home: Home): DemoEditor {
  const quiet = [
    '--disable-workspace-trust',
    // Secrets of a demo have no business in the user's keyring.
    ...(process.platform === 'linux' ? ['--password-store=basic'] : []),
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  const child = spawn(quoted(code), [...quiet, ...args].map(quoted), {
    env: environment(),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: isWindows,
  });
  const ended = once(child, 'exit');
  return {
    where: 'in a window of VS Code',
    isOpen: true,
    closed: ended,
    stop: async () => {
      // What we have started only waits for the window; the editor itself says in its folder who it is.
      const pid = editorPid(home);
      if (pid !== undefined) await end(pid);
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await ended;
    },
  };
}

function editorPid({ userDataDir }: Home): number | undefined {
  try {
    return Number(readFileSync(join(userDataDir, 'code.lock'), 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

async function end(pid: number): Promise<void> {
  const isGone = () => !signal(pid, 0);
  signal(pid, 'SIGTERM');
  await until('end of the editor', isGone, patienceMs).catch(() => signal(pid, 'SIGKILL'));
}

/** @returns whether there is such a process */
function signal(pid: number, kind: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, kind);
  } catch {
    return false;
  }
}

async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** Whoever starts the demo in a terminal of their editor passes on variables that are about that editor. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith('VSCODE_') && !['NODE_OPTIONS', 'ELECTRON_RUN_AS_NODE'].includes(name),
    ),
  );

/** A shell, which Windows needs for a `.cmd`, takes a text apart at its spaces. */
const quoted = (text: string): string => (isWindows ? `"${text}"` : text);

function oldestVersion(): string {
  const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    engines: { vscode: string };
  };
  return manifest.engines.vscode.replace('^', '');
}

function isAtLeast(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
