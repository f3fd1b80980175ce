import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

/** Keeps the events of streams, so that a client can take one up again where it broke off. */
export class EventMemory implements EventStore {
  readonly #events: { readonly id: string; readonly stream: string; readonly message: JSONRPCMessage }[] = [];

  storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `${stream} ${this.#events.length}`;
    this.#events.push({ id, stream, message });
    return Promise.resolve(id);
  }

  getStreamIdForEventId(id: string): Promise<string | undefined> {
    return Promise.resolve(this.#events.find((event) => event.id === id)?.stream);
  }

  async replayEventsAfter(
    lastId: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const at = this.#events.findIndex(({ id }) => id === lastId);
    const stream = this.#events[at]?.stream ?? '';
    for (const event of this.#events.slice(at + 1))
      if (event.stream === stream) await send(event.id, event.message);
    return stream;
  }
}
