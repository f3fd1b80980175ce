import { Agent, request } from 'node:http';
import { percentile, timeMs } from '../measure.js';
import { Connection } from './connection.js';
import { bigStream, firstOfStream, initialize, type Message } from './messages.js';
import type { Address } from './party.js';

/** Whoever can answer a JSON-RPC request. Resolves when the answer has been read whole. */
export type Call = (message: Message) => Promise<unknown>;

/** Node's servers close a connection that has been idle for 5 s. */
const idleLimitMs = 2_000;

/** An MCP client over HTTP, in a session, with as many connections as it has calls at a time. */
export class HttpCaller {
  readonly #idle: { readonly connection: Connection; readonly sinceMs: number }[] = [];
  #session: string | undefined;

  private constructor(private readonly address: Address) {}

  static async start(address: Address): Promise<HttpCaller> {
    const caller = new HttpCaller(address);
    caller.#session = await caller.#with((connection) => connection.call(initialize));
    return caller;
  }

  readonly call: Call = (message) => this.#with((connection) => connection.call(message, this.#session));

  /** The time until the first event of a stream has arrived, in milliseconds. */
  firstEventMs(): Promise<number> {
    return this.#with(async (connection) => {
      const beganMs = performance.now();
      const { rest } = await connection.firstEvent({ id: 1, method: firstOfStream }, this.#session);
      const tookMs = performance.now() - beganMs;
      await rest;
      return tookMs;
    });
  }

  /** Reads an answer of so many bytes. */
  async download(bytes: number): Promise<void> {
    const { url, authorization } = this.address;
    const agent = new Agent();
    let missing = bytes;
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(url, { method: 'POST', headers: { authorization }, agent }, (answer) => {
        answer
          .on('data', (chunk: Buffer) => (missing -= chunk.length))
          .on('end', resolve)
          .on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: bigStream, params: { bytes } }));
    });
    if (missing !== 0) throw new Error(`${missing} of ${bytes} bytes are missing.`);
  }

  close(): void {
    for (const { connection } of this.#idle.splice(0)) connection.close();
  }

  async #with<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const last = this.#idle.pop();
    const isFresh = last !== undefined && performance.now() - last.sinceMs < idleLimitMs;
    if (!isFresh) last?.connection.close();
    const connection = isFresh ? last.connection : new Connection(this.address);
    const result = await work(connection);
    this.#idle.push({ connection, sinceMs: performance.now() });
    return result;
  }
}

const toolCall = (id: number): Message => ({
  id,
  method: 'tools/call',
  params: { name: 'search', arguments: { text: 'what a model asks for, a line or two long'.repeat(4) } },
});

/** Makes `count` calls one after the other. @returns the given percentile of their times, in microseconds */
export async function timeOfCalls(call: Call, count: number, percent: number): Promise<number> {
  const times: number[] = [];
  for (let id = 1; id <= count; id++) times.push((await timeMs(() => call(toolCall(id)))) * 1_000);
  return percentile(times, percent);
}

/** Makes `count` calls, `width` at a time. @returns how many were answered in a second */
export async function callsPerSecond(call: Call, count: number, width: number): Promise<number> {
  let id = 0;
  const line = async () => {
    while (id < count) await call(toolCall(++id));
  };
  const tookMs = await timeMs(() => Promise.all(Array.from({ length: width }, line)));
  return (count / tookMs) * 1_000;
}
