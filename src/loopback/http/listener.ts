import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { Connections } from './connections.js';

/** An MCP client sends less than 2 kB of headers; gateways add some, and a trace may be long. */
const headerLimitBytes = 32_768;

/** The headers of a request on this computer come in one packet or two. */
const headersLimitMs = 5_000;

/** A large argument may have to wait for a slow server, since we take it only as fast as it does. */
const requestLimitMs = 300_000;

/** How often the two are looked at. */
const checkIntervalMs = 1_000;

/** A connection that is closed just when the editor sends on it is a call lost, so it is kept for longer than calls are apart. */
const idleLimitMs = 60_000;

/** Each of a hundred servers can have ten calls and a stream, and strangers cannot take all of the process's files. */
const connectionLimit = 2_048;

const options: ServerOptions = {
  maxHeaderSize: headerLimitBytes,
  headersTimeout: headersLimitMs,
  requestTimeout: requestLimitMs,
  connectionsCheckingInterval: checkIntervalMs,
  keepAliveTimeout: idleLimitMs,
  insecureHTTPParser: false,
  // Said by us, in the same words as every other refusal.
  requireHostHeader: false,
};

/**
 * Says that a connection is not a stranger's.
 * @param whose - for whom it is; each has so many and no more
 * @returns false when it has been closed, since there are too many
 */
export type Welcome = (whose: string) => boolean;

/** Answers a request. */
export type Handle = (request: IncomingMessage, response: ServerResponse, welcome: Welcome) => void;

/** Something that listens on this computer only. */
export interface Listener {
  /** Stops listening; connections that carry no request are closed, others when `force` says so. */
  close(force: boolean): void;
}

export interface PortListener extends Listener {
  readonly port: number;
}

/**
 * Listens on 127.0.0.1, never on another interface.
 * @param preferredPort - taken when it is free; otherwise, and without one, the system picks
 */
export function listen(handle: Handle, preferredPort = 0): Promise<PortListener> {
  const listening = listenOn(handle, preferredPort);
  return preferredPort === 0 ? listening : listening.catch(() => listenOn(handle, 0));
}

/**
 * As `listen`, on this port and no other.
 * @throws (from the result) Error when it is taken
 */
export async function listenOn(handle: Handle, port: number): Promise<PortListener> {
  const server = limited(handle);
  await bind(server, { host: '127.0.0.1', port, exclusive: true });
  return { port: (server.address() as AddressInfo).port, close: closing(server) };
}

/**
 * Listens on a Unix socket, or on a named pipe of Windows. The socket's file is removed with the listener.
 * @throws (from the result) Error when something is there already
 */
export async function listenOnSocket(handle: Handle, path: string): Promise<Listener> {
  const server = limited(handle);
  await bind(server, { path });
  return { close: closing(server) };
}

/** A server that cuts off whoever is slow, and says nothing to whoever speaks no HTTP. */
function limited(handle: Handle): Server {
  const connections = new Connections();
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    handle(request, response, (whose) => connections.welcome(request.socket, whose));
  const server = createServer(options, onRequest);
  server.maxConnections = connectionLimit;
  // Their size is limited; of more than so many, the rest would be handed on without having been looked at.
  server.maxHeadersCount = 0;
  server.on('connection', (socket) => connections.take(socket));
  // Before anybody is told to go on, it is looked at who it is.
  server.on('checkContinue', onRequest).on('checkExpectation', onRequest);
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

function closing(server: Server): Listener['close'] {
  return (force) => {
    server.close();
    if (force) server.closeAllConnections();
    else server.closeIdleConnections();
  };
}

function bind(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
