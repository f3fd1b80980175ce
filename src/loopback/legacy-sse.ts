import { randomBytes } from 'node:crypto';
import { Transform } from 'node:stream';
import type { ServerId } from '../core/server.js';
import type { NamedEndpoint } from './beside-stream.js';
import { eventOf } from './event-stream.js';

/** The first event is a name and an address. */
const firstEventLimitBytes = 16_384;

const keyBytes = 16;

/** Where a client of the older transport sends what it has to say, for as long as its stream is open. */
export interface LegacyEndpoint extends NamedEndpoint {
  readonly server: ServerId;
  /** Names the session that the stream is; one account for as long as it lives. */
  readonly session: string;
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
   * What a stream of the server has to go through: an `endpoint` event that it begins with leads back through us, and
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
      this.#endpoints.set(key, { server, session, url, stream: address, say: (json) => stream.say(json) });
      opened(session);
      return pathOf(key);
    });
    stream.once('close', () => this.#endpoints.delete(key));
    return stream;
  }
}

/** A stream whose first event may be rewritten, and into which events of ours can be put. */
class LegacyStream extends Transform {
  #first: Buffer | undefined = Buffer.alloc(0);
  #isBetweenEvents = false;
  readonly #unsaid: string[] = [];

  /** @param lead - the address in the place of the one that the server named; undefined when there is none to be had */
  constructor(private readonly lead: (named: string) => string | undefined) {
    super();
  }

  say(json: string): void {
    this.#unsaid.push(eventOf(json));
    this.#sayAll();
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#first === undefined) this.#pass(chunk);
    else {
      const first = Buffer.concat([this.#first, chunk]);
      const end = endOfEvent(first);
      if (end === undefined && first.length < firstEventLimitBytes) this.#first = first;
      else {
        this.#first = undefined;
        const led = this.#led(first.subarray(0, end ?? 0).toString('utf8'));
        if (led === undefined) {
          done(new Error('The server wants to be told somewhere else.'));
          return;
        }
        this.#pass(Buffer.concat([Buffer.from(led), first.subarray(end ?? 0)]));
      }
    }
    done();
  }

  override _flush(done: () => void): void {
    if (this.#first !== undefined) this.push(this.#first);
    done();
  }

  /** The first event, leading through us if it leads anywhere. */
  #led(event: string): string | undefined {
    const lines = event.split(/\r\n|\n|\r/);
    if (!lines.some((line) => /^event: ?endpoint$/.test(line))) return event;
    const data = lines.flatMap((line) => /^data: ?(.*)$/.exec(line)?.[1] ?? []);
    const path = this.lead(data.join('\n').trim());
    return path === undefined ? undefined : `event: endpoint\ndata: ${path}\n\n`;
  }

  #pass(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.push(chunk);
    this.#isBetweenEvents = /(\n\n|\r\n\r\n|\r\r)$/.test(chunk.subarray(-4).toString('latin1'));
    this.#sayAll();
  }

  #sayAll(): void {
    if (!this.#isBetweenEvents) return;
    for (const event of this.#unsaid.splice(0)) this.push(event);
  }
}

/** Behind the blank line that ends the first event; comments before it are none. */
function endOfEvent(bytes: Buffer): number | undefined {
  const text = bytes.toString('latin1');
  const blank = /\r\n\r\n|\n\n|\r\r/g;
  for (let from = 0, match = blank.exec(text); match !== null; match = blank.exec(text)) {
    const end = match.index + match[0].length;
    if (
      text
        .slice(from, end)
        .split(/[\r\n]+/)
        .some((line) => line !== '' && !line.startsWith(':'))
    )
      return end;
    from = end;
  }
  return undefined;
}
