import { randomBytes } from 'node:crypto';
import type { ServerId } from '../../core/server.js';
import type { NamedEndpoint } from '../http/beside-stream.js';
import { LegacyStream } from './legacy-stream.js';

const keyBytes = 16;

/** Where a client of the older transport sends what it has to say, for as long as its stream is open. */
export interface LegacyEndpoint extends NamedEndpoint {
  readonly server: ServerId;
  /** Names the session that the stream is; one account for as long as it lives. */
  readonly session: string;
  /** Whether the stream has ended, after which nobody hears an answer. */
  readonly isOver: () => boolean;
  /** Gives the client an answer of ours, which it expects on its stream. */
  readonly say: (json: string) => void;
}

/**
 * HTTP with SSE, the transport before Streamable HTTP: a server says in the first event of a stream where it wants to
 * be told, and answers in the stream.
 * @see MCP 2024-11-05, "HTTP with SSE"
 */
export class LegacyEndpoints {
  readonly #endpoints = new Map<string, LegacyEndpoint>();

  /** @param key - the last part of the path that a client was given */
  find(server: ServerId, key: string): LegacyEndpoint | undefined {
    const endpoint = this.#endpoints.get(key);
    return endpoint?.server === server ? endpoint : undefined;
  }

  /**
   * What a stream of the server has to go through: every `endpoint` event leads back through us, wherever it stands, and
   * everything else is left as it is.
   * @param address - of the stream
   * @param pathOf - the path at which we listen for a key
   * @param isAllowed - whether the credential may go to an address
   * @param opened - is told of the session that the stream turns out to be
   * @param refused - is told of an address that the credential may not go to; the stream ends there
   */
  stream(parts: {
    readonly server: ServerId;
    readonly address: string;
    readonly pathOf: (key: string) => string;
    readonly isAllowed: (url: string) => boolean;
    readonly opened: (session: string) => void;
    readonly refused: (url: string) => void;
  }): LegacyStream {
    const { server, address, pathOf, isAllowed, opened, refused } = parts;
    const key = randomBytes(keyBytes).toString('base64url');
    const session = `legacy-${key}`;
    const stream = new LegacyStream((named) => {
      const url = URL.canParse(named, address) ? new URL(named, address).href : named;
      if (!isAllowed(url)) {
        refused(url);
        return undefined;
      }
      const isNew = !this.#endpoints.has(key);
      this.#endpoints.set(key, {
        ...{ server, session, url, stream: address },
        isOver: () => stream.destroyed,
        say: (json) => stream.say(json),
      });
      if (isNew) opened(session);
      return pathOf(key);
    });
    stream.once('close', () => this.#endpoints.delete(key));
    return stream;
  }
}
