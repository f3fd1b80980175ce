import type { ServerId } from '../../core/server.js';

/** More than any window has at a time; the oldest has ended by then. */
const sessionsKept = 1_000;

/**
 * Which version of the protocol each session speaks. Some clients do not say so with every request as they should, and
 * servers then take them for older ones.
 * @see MCP 2025-06-18 to 2025-11-25, "Protocol Version Header"
 */
export class ProtocolVersions {
  readonly #versions = new Map<string, string>();

  learn(server: ServerId, session: string, version: string): void {
    this.#versions.set(keyOf(server, session), version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > sessionsKept && oldest !== undefined) this.#versions.delete(oldest);
  }

  of(server: ServerId, session: string): string | undefined {
    return this.#versions.get(keyOf(server, session));
  }

  forget(server: ServerId, session: string): void {
    this.#versions.delete(keyOf(server, session));
  }
}

/** Two servers may choose the same id. */
const keyOf = (server: ServerId, session: string): string => JSON.stringify([server, session]);
