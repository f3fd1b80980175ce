import { Agent, request, type IncomingMessage } from 'node:http';
import { percentile, timeMs } from '../measure.js';
import type { Address } from './party.js';
import { bigStream, firstOfStream, type Message } from './messages.js';

/** Whoever can answer a JSON-RPC request. Resolves when the answer has been read whole. */
export type Call = (message: Message) => Promise<unknown>;

/** An MCP client over HTTP, reduced to what costs least, so that it is not the client that is measured. */
export class HttpCaller {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(private readonly address: Address) {}

  readonly call: Call = async (message) => {
    const answer = await this.#post(message);
    let size = 0;
    for await (const chunk of answer) size += (chunk as Buffer).length;
    if (answer.statusCode !== 200 || size === 0) throw new Error(`The answer is ${answer.statusCode}.`);
  };

  /** The time until the first event of a stream has arrived, in milliseconds. */
  async firstEventMs(): Promise<number> {
    let rest: IncomingMessage | undefined;
    const tookMs = await timeMs(async () => {
      rest = await this.#post({ id: 1, method: firstOfStream });
      await new Promise((resolve) => rest?.once('readable', resolve));
    });
    await rest?.resume().toArray();
    return tookMs;
  }

  /** Reads an answer of so many bytes. */
  async download(bytes: number): Promise<void> {
    let missing = bytes;
    const answer = await this.#post({ id: 1, method: bigStream, params: { bytes } });
    for await (const chunk of answer) missing -= (chunk as Buffer).length;
    if (missing !== 0) throw new Error(`${missing} of ${bytes} bytes are missing.`);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(message: Message): Promise<IncomingMessage> {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    const headers = {
      authorization: this.address.authorization,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'content-length': Buffer.byteLength(body),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(this.address.url, { method: 'POST', headers, agent: this.#agent }, resolve);
      outgoing.on('error', reject);
      outgoing.end(body);
    });
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
