import { connect, type Socket } from 'node:net';
import type { Message } from './messages.js';
import type { Address } from './party.js';

/** How an answer to `initialize` names the session. */
const sessionHeader = /\r\nmcp-session-id: *(\S+)/i;

/**
 * One connection to a server, which is kept, as an MCP client of the editor keeps it. It looks for no more than where
 * an answer ends, so that the client costs next to nothing beside what is measured.
 */
export class Connection {
  readonly #socket: Socket;
  #received = '';
  #isEnough: (received: string) => boolean = () => false;
  #settle: ((error?: Error) => void) | undefined;

  constructor(private readonly address: Address) {
    const { hostname, port } = new URL(address.url);
    this.#socket = connect(Number(port), hostname).setNoDelay(true).setEncoding('latin1');
    this.#socket.on('data', (chunk: Buffer | string) => {
      this.#received += String(chunk);
      if (this.#isEnough(this.#received)) this.#settle?.();
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => this.#settle?.(new Error('The connection was closed.')));
  }

  /** @returns the session that the answer opens, when it does */
  async call(message: Message, session?: string): Promise<string | undefined> {
    this.#send(message, session);
    await this.#until(isWhole);
    return sessionHeader.exec(this.#received)?.[1];
  }

  /** Resolves when the first event of a stream has come; the rest is what the result waits for. */
  async firstEvent(message: Message, session?: string): Promise<{ readonly rest: Promise<void> }> {
    this.#send(message, session);
    await this.#until((received) => received.includes('\r\ndata: '));
    return { rest: this.#until(isWhole) };
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(message: Message, session: string | undefined): void {
    const { host, pathname } = new URL(this.address.url);
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    const head = [
      `POST ${pathname} HTTP/1.1`,
      `host: ${host}`,
      'connection: keep-alive',
      `authorization: ${this.address.authorization}`,
      'content-type: application/json',
      'accept: application/json, text/event-stream',
      ...(session === undefined ? [] : [`mcp-session-id: ${session}`, 'mcp-protocol-version: 2025-06-18']),
      'user-agent: bench',
      `content-length: ${Buffer.byteLength(body)}`,
    ];
    this.#received = '';
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }

  async #until(isEnough: (received: string) => boolean): Promise<void> {
    this.#isEnough = isEnough;
    if (!isEnough(this.#received)) {
      await new Promise<void>((resolve, reject) => {
        this.#settle = (error) => (error === undefined ? resolve() : reject(error));
      });
    }
    this.#settle = undefined;
    if (!/^HTTP\/1\.1 20[02] /.test(this.#received))
      throw new Error(`The answer is ${this.#received.slice(0, 100)}.`);
  }
}

function isWhole(received: string): boolean {
  const head = received.indexOf('\r\n\r\n');
  if (head === -1) return false;
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, head)) ?? [];
  return length === undefined
    ? received.endsWith('\r\n0\r\n\r\n')
    : received.length >= head + 4 + Number(length);
}
