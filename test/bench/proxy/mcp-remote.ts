import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Call } from './caller.js';
import type { Message } from './messages.js';
import type { Address } from './party.js';

const require = createRequire(import.meta.url);

/** The peer: a process for each server, between the editor's standard input and output and the server. */
export class McpRemote {
  readonly #waiting = new Map<Message['id'], (answer: unknown) => void>();
  readonly #process: ChildProcessWithoutNullStreams;

  private constructor({ url, authorization }: Address) {
    const program = require.resolve('mcp-remote/dist/proxy.js');
    const options = ['--transport', 'http-only', '--silent', '--header', `Authorization: ${authorization}`];
    this.#process = spawn(process.execPath, [program, url, ...options], { stdio: 'pipe' });
    this.#process.stderr.resume();
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const { id } = JSON.parse(line) as Message;
      this.#waiting.get(id)?.(undefined);
      this.#waiting.delete(id);
    });
  }

  static async start(address: Address): Promise<McpRemote> {
    const remote = new McpRemote(address);
    await remote.call({
      id: 'first',
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'bench', version: '1' },
      },
    });
    remote.#tell({ method: 'notifications/initialized' });
    return remote;
  }

  readonly call: Call = (message) => {
    const answered = new Promise((resolve) => this.#waiting.set(message.id, resolve));
    this.#tell(message);
    return answered;
  };

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
    this.#process.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}
