import { connect, type Socket } from 'node:net';

/** What a listener on this computer says to bytes that no HTTP client would send. */
export interface Conversation {
  readonly socket: Socket;
  /** All that has come back when the connection is closed, by whichever side. */
  readonly said: Promise<string>;
}

/** Opens a connection to the port of `url` and sends `bytes`. */
export function converse(url: string, bytes: string | Buffer = ''): Conversation {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  const said = new Promise<string>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined); // A reset is an end like any other.
    socket.on('close', () => resolve(text));
  });
  socket.write(bytes);
  return { socket, said };
}

/**
 * Opens a connection to the port of `url`, sends `bytes`, and throws away what comes, as fast as it can.
 * @param onBytes - is told of the size of each piece
 * @returns when the connection is closed
 */
export function drained(url: string, bytes: string, onBytes: (size: number) => void): Promise<void> {
  const { port, hostname } = new URL(url);
  const callback = (size: number) => {
    onBytes(size);
    return true;
  };
  return new Promise((resolve, reject) => {
    // One buffer for all of it: a gigabyte of new ones costs more time than it takes to come.
    const socket = connect({
      port: Number(port),
      host: hostname,
      onread: { buffer: Buffer.alloc(1_048_576), callback },
    });
    socket.on('error', reject).on('close', () => resolve());
    socket.write(bytes);
  });
}

/** The statuses of all answers in what was said. */
export const statusesIn = (said: string): readonly number[] =>
  [...said.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
