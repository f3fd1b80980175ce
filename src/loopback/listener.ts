import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Something that listens on this computer only. */
export interface Listener {
  readonly port: number;
  /** Stops listening; connections that carry no request are closed, others when `force` says so. */
  close(force: boolean): void;
}

/**
 * Listens on 127.0.0.1, never on another interface.
 * @param preferredPort - taken when it is free; otherwise, and without one, the system picks
 */
export function listen(handle: RequestListener, preferredPort = 0): Promise<Listener> {
  const listening = listenOn(handle, preferredPort);
  return preferredPort === 0 ? listening : listening.catch(() => listenOn(handle, 0));
}

/**
 * As `listen`, on this port and no other.
 * @throws (from the result) Error when it is taken
 */
export async function listenOn(handle: RequestListener, port: number): Promise<Listener> {
  const server = createServer(handle);
  await bind(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: (force) => {
      server.close();
      if (force) server.closeAllConnections();
      else server.closeIdleConnections();
    },
  };
}

function bind(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
