import type { IncomingMessage, ServerResponse } from 'node:http';
import { listenOn, type PortListener } from './listener.js';

/** Answers a request if it is its own, and says whether it was. */
export type Take = (request: IncomingMessage, response: ServerResponse) => boolean;

interface SharedPort {
  readonly listening: Promise<PortListener>;
  readonly takes: Set<Take>;
  /** Those that have left a request open, which is still to be answered. */
  readonly answering: Set<Take>;
}

/** Ports of 127.0.0.1 that several of us may wait at, each for requests of its own. */
export class SharedPorts {
  readonly #open = new Map<number, SharedPort>();

  /**
   * Listens on `port` and no other, beside whoever of us does so already; on one that the system picks when it is 0.
   * What nobody takes learns nothing.
   * @returns what the last one who closes it ends for all; closed by force, it cuts off nobody whom another one answers
   * @throws (from the result) Error when somebody else has taken the port
   */
  async listen(port: number, take: Take): Promise<PortListener> {
    const shared = this.#open.get(port) ?? this.#begin(port);
    shared.takes.add(take);
    const listener = await shared.listening;
    // Others can come to the port that was picked, too.
    if (port === 0) this.#open.set(listener.port, shared);
    const { takes, answering } = shared;
    const close = (force: boolean) => {
      takes.delete(take);
      if (force) answering.delete(take);
      else answering.add(take);
      if (takes.size > 0) return;
      this.#end(listener.port, shared);
      listener.close(answering.size === 0);
    };
    return { port: listener.port, close };
  }

  #begin(port: number): SharedPort {
    const takes = new Set<Take>();
    const shared = { takes, answering: new Set<Take>(), listening: listenOn(offeredTo(takes), port) };
    if (port !== 0) this.#open.set(port, shared);
    shared.listening.catch(() => this.#end(port, shared));
    return shared;
  }

  #end(port: number, shared: SharedPort): void {
    if (this.#open.get(port) === shared) this.#open.delete(port);
  }
}

/** The answer to a request: that of the first of `takes` whose it is, else none. */
const offeredTo =
  (takes: Iterable<Take>) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    for (const take of takes) if (take(request, response)) return;
    response.writeHead(404, { connection: 'close' }).end();
  };
