import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import type { Call } from './caller.js';
import { initialize, type Message } from './messages.js';
import type { Address } from './party.js';

const require = createRequire(import.meta.url);

/** What tells, from inside, what a process has used of a processor. */
const gauge = `process.on('message', () => process.send(process.cpuUsage()))`;

/** The peer: a process for each server, between the editor's standard input and output and the server. */
export class McpRemote {
  readonly #waiting = new Map<Message['id'], (answer: unknown) => void>();
  readonly #process: ChildProcess;
  readonly #stdin: Writable;

  private constructor({ url, authorization }: Address) {
    const program = require.resolve('mcp-remote/dist/proxy.js');
    const options = ['--transport', 'http-only', '--silent', '--header', `Authorization: ${authorization}`];
    const args = ['--import', `data:text/javascript,${encodeURIComponent(gauge)}`, program, url, ...options];
    this.#process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore', 'ipc'] });
    const { stdin, stdout } = this.#process;
    if (stdin === null || stdout === null) throw new Error('There is nothing to speak through.');
    this.#stdin = stdin;
    createInterface({ input: stdout }).on('line', (line) => {
      const { id } = JSON.parse(line) as Message;
      this.#waiting.get(id)?.(undefined);
      this.#waiting.delete(id);
    });
  }

  static async start(address: Address): Promise<McpRemote> {
    const remote = new McpRemote(address);
    await remote.call(initialize);
    remote.#tell({ method: 'notifications/initialized' });
    return remote;
  }

  readonly call: Call = (message) => {
    const answered = new Promise((resolve) => this.#waiting.set(message.id, resolve));
    this.#tell(message);
    return answered;
  };

  async cpuMicroseconds(): Promise<number> {
    const answer = new Promise((resolve) => this.#process.once('message', resolve));
    this.#process.send('cpu');
    const { user, system } = (await answer) as NodeJS.CpuUsage;
    return user + system;
  }

  async residentBytes(): Promise<number> {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(this.#process.pid)]);
    return Number(stdout) * 1_024;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
  }

  #tell(message: Message): void {
    this.#stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}
