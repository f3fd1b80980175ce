import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { command } from './command.js';
import type { EditorInstallation } from './provision.js';

/** A start that takes longer than this has failed; it usually takes two seconds. */
const startLimitMs = 60_000;

/** What the server gets to end by itself. */
const patienceMs = 3_000;

/** The folders of one editor, all below one that can be kept or thrown away. */
export type Home = {
  readonly root: string;
  readonly userDataDir: string;
  readonly extensionsDir: string;
  readonly workspaceDir: string;
  /** The browser's profile, which holds the editor's storage and sealed secrets. */
  readonly browserProfileDir: string;
  /** Where the companion writes its endpoint. */
  readonly controlFile: string;
};

/** Names the folders below `root`; creates nothing. */
export const homeIn = (root: string): Home => ({
  root,
  userDataDir: join(root, 'user-data'),
  extensionsDir: join(root, 'extensions'),
  workspaceDir: join(root, 'workspace'),
  browserProfileDir: join(root, 'browser'),
  controlFile: join(root, 'companion.json'),
});

/** A running editor server: what the browser connects to, with the extension host among its children. */
export type EditorServer = {
  readonly port: number;
  readonly pid: number;
  /** Everything it and its children have printed. */
  output(): string;
  /** Ends it with all its children. */
  stop(): Promise<void>;
};

/** Installs packaged extensions as the command line does for a user. */
export async function installExtensions(
  { entry }: EditorInstallation,
  home: Home,
  vsixPaths: readonly string[],
): Promise<void> {
  await mkdir(home.extensionsDir, { recursive: true });
  const args = [
    ...(await commonArguments(home)),
    ...vsixPaths.flatMap((path) => ['--install-extension', path]),
  ];
  await command(process.execPath, [entry, ...args], { env: environment(home) });
}

/**
 * Starts the server on loopback and returns when it listens.
 * @param port - 0 lets the system choose. Storage in the browser belongs to an origin, so who wants to find it
 *   again starts on the port of the last time.
 * @param options - passed to the VS Code server, such as `enable-smoke-test-driver`
 */
export async function startServer(
  { entry }: EditorInstallation,
  home: Home,
  {
    port = 0,
    options = [],
    env = {},
  }: { port?: number; options?: readonly string[]; env?: NodeJS.ProcessEnv },
): Promise<EditorServer> {
  const args = [
    ...(await commonArguments(home)),
    ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`],
    ...['--disable-workspace-trust', '--disable-telemetry', '--disable-update-check'],
    ...['--disable-getting-started-override', '--ignore-last-opened'],
    ...options.flatMap((option) => ['--vscode-option', option]),
  ];
  // A group of its own, so that its children can be ended with it whatever state they are in.
  const child = spawn(process.execPath, [entry, ...args], {
    env: { ...environment(home), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lines: string[] = [];
  const killAtExit = () => signalGroup(child, 'SIGKILL');
  process.once('exit', killAtExit);
  const stop = async () => {
    await endGroup(child);
    process.off('exit', killAtExit);
  };
  try {
    return {
      port: await listeningPort(child, lines),
      pid: child.pid ?? 0,
      output: () => lines.join('\n'),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function commonArguments(home: Home): Promise<string[]> {
  const [major] = process.versions.node.split('.');
  if (Number(major) < 24) {
    throw new Error(
      'The editor needs Node 24. Start it through npm or npx, which find the one in node_modules.',
    );
  }
  // Without a file of our own it reads, and even writes, the one in the user's home folder.
  const config = join(home.root, 'code-server.yaml');
  await writeFile(config, '');
  return ['--config', config, '--user-data-dir', home.userDataDir, '--extensions-dir', home.extensionsDir];
}

/**
 * Only what a program needs to run. Nothing from the tests' own Node, and a home folder of its own, so that
 * no file of whoever runs the tests plays a part.
 */
function environment(home: Home): NodeJS.ProcessEnv {
  const kept = ['PATH', 'LANG', 'TMPDIR', 'TEMP', 'SystemRoot'];
  return {
    ...Object.fromEntries(kept.flatMap((name) => (name in process.env ? [[name, process.env[name]]] : []))),
    HOME: home.root,
    MCP_COMPANION_CONTROL_FILE: home.controlFile,
    // To the editor its server is another computer; here the browser is on it, too.
    MCP_CREDENTIALS_REDIRECT_VIA: 'loopback',
  };
}

function listeningPort(child: ChildProcess, lines: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(new Error(`The editor did not start: ${reason}.\n${lines.slice(-20).join('\n')}`));
    const timer = setTimeout(() => fail(`no answer within ${startLimitMs} ms`), startLimitMs);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`it ended with ${code}`));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        const port = /HTTP server listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (port === undefined) return;
        clearTimeout(timer);
        resolve(Number(port));
      });
    }
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** Asks first, so that extensions can finish what they are writing, and does not ask for long. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    signalGroup(child, 'SIGTERM');
    const impatience = setTimeout(() => signalGroup(child, 'SIGKILL'), patienceMs);
    await ended;
    clearTimeout(impatience);
  }
  signalGroup(child, 'SIGKILL');
}
