import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Listener {
  /** `http://host:port`, without a slash at the end. */
  readonly origin: string;
  readonly port: number;
  /** Answers every request from now on. Called once, right after `listen`, before anybody can know the port. */
  serve(handler: (req: IncomingMessage, res: ServerResponse) => void | Promise<void>): void;
  /** Stops listening and cuts every open connection, streams included. */
  close(): Promise<void>;
  /** After `close`: listens again at the same address, with everything that it knew. */
  reopen(): Promise<void>;
}

/**
 * Listens before anything is built on top, because an issuer or a resource must know its own address to exist.
 * @param host - a loopback address; an IPv6 one with or without brackets
 * @param port - 0 lets the operating system choose
 */
export async function listen(host: string, port = 0): Promise<Listener> {
  const server = createServer();
  const address = host.replace(/^\[|\]$/g, '');
  const listenAt = (place: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(place, address, resolve);
    });
  await listenAt(port);
  const actualPort = (server.address() as AddressInfo).port;
  return {
    origin: `http://${address.includes(':') ? `[${address}]` : address}:${actualPort}`,
    port: actualPort,
    serve(handler) {
      server.on('request', (req, res) => {
        Promise.resolve(handler(req, res)).catch((error: unknown) => {
          // A bug of the test ground must not look like an answer of the server.
          res.destroy(error instanceof Error ? error : new Error(String(error)));
        });
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    reopen: () => listenAt(actualPort),
  };
}

/**
 * Reads a request's body as text.
 * @throws Error when it is larger than a test has reason to send
 */
export async function readBody(req: IncomingMessage, limitBytes = 2_000_000): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw new Error(`The request body is larger than ${limitBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
