import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerError, describeError } from '../core/errors.js';
import type { Log, SocketPlace } from '../core/ports.js';
import { codeOf } from './atomic-file.js';

/** What the folders of all windows begin with. Short, since the whole path has little room. */
const prefix = 'mcpc-';

/** `sun_path` has 104 bytes on macOS and 108 on Linux, with a zero at the end (unix(4), unix(7)). */
const pathLimitBytes = 103;

/** A window takes less time than this from its folder to its socket. */
const youthMs = 60_000;

/**
 * Makes room for one socket where no other user of this computer can reach it: a new folder below `base`, for this
 * user alone. Removes what windows left there that did not come to an end of their own.
 * @throws BrokerError `socket_unusable` with `details.why`
 */
export async function makeSocketPlace(log: Log, base = runtimeFolder()): Promise<SocketPlace> {
  if (process.platform === 'win32') return pipe();
  await requireFirm(base);
  await sweep(base, log);
  let folder: string;
  try {
    folder = await mkdtemp(join(base, prefix));
  } catch (cause) {
    throw unusable(`the folder ${JSON.stringify(base)} takes no folder (${codeOf(cause)})`, cause);
  }
  const path = join(folder, 's');
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  if (Buffer.byteLength(path) <= pathLimitBytes && (await isPrivate(folder)))
    return { path, uri: `unix://${path}`, dispose };
  dispose();
  throw unusable(
    `the path ${JSON.stringify(path)} is longer than ${pathLimitBytes} bytes, or others can get at it`,
  );
}

/** Windows lets only this user, administrators and the system connect to a pipe, but others may see its name. */
function pipe(): SocketPlace {
  const name = `mcp-credentials-${randomUUID()}`;
  return { path: `\\\\.\\pipe\\${name}`, uri: `pipe:///pipe/${name}`, dispose: () => undefined };
}

/** The folder that systems make for sockets of a user, and take away after the session. */
function runtimeFolder(): string {
  const given = process.env['XDG_RUNTIME_DIR'] ?? '';
  return given === '' ? tmpdir() : given;
}

/** Whoever may rename what is in a folder may put something of theirs in its place. */
async function requireFirm(base: string): Promise<void> {
  const name = JSON.stringify(base);
  const { mode, uid } = await lstat(base).catch((cause: unknown) => {
    throw unusable(`the folder ${name} cannot be used (${codeOf(cause)})`, cause);
  });
  const [isOpen, isSticky] = [(mode & 0o022) !== 0, (mode & 0o1000) !== 0];
  if (isOpen && !isSticky) throw unusable(`others can write to the folder ${name}`);
  if (uid !== 0 && uid !== process.getuid?.()) throw unusable(`the folder ${name} belongs to somebody else`);
}

async function isPrivate(folder: string): Promise<boolean> {
  const stats = await lstat(folder);
  return stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0;
}

/** Removes the folders of windows that are dead: nobody listens in them, which the system knows for certain. */
async function sweep(base: string, log: Log): Promise<void> {
  const names = await readdir(base).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(prefix))) {
    const folder = join(base, name);
    try {
      if ((await isPrivate(folder)) && (await isDead(folder))) await rm(folder, { recursive: true });
    } catch (error) {
      log.debug(`A socket's folder stays: ${describeError(error)}`);
    }
  }
}

async function isDead(folder: string): Promise<boolean> {
  switch (await errorOfConnecting(join(folder, 's'))) {
    case 'ECONNREFUSED':
      return true;
    case 'ENOENT':
      return Date.now() - (await lstat(folder)).mtimeMs > youthMs;
    default:
      return false;
  }
}

function errorOfConnecting(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('');
    });
    socket.once('error', (error) => resolve(codeOf(error)));
  });
}

const unusable = (why: string, cause?: unknown): BrokerError =>
  new BrokerError('socket_unusable', `No socket: ${why}.`, { cause, details: { why } });
