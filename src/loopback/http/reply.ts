import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, type Transform } from 'node:stream';
import type { Disposable } from '../../core/announcer.js';
import { describeError } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { OwnAnswer } from '../messages/answer.js';
import {
  accepts,
  asEvent,
  eventOf,
  eventStream,
  eventStreamHeaders,
  heartbeat,
  withoutByteOrderMark,
} from './event-stream.js';
import { forwardedResponseHeaders, withoutHeader } from './headers.js';
import { endWith } from './one-piece.js';
import { forwardedTrailers } from './trailers.js';

/** Most waits are over by then, and stay plain answers. */
const quietMs = 2_000;

/** Whatever is in between takes a connection for dead after 30 s of silence or more. */
const heartbeatMs = 15_000;

/** What happens to an answer of the server on its way. */
export interface Passage {
  /** What the caller hears in the place of the session that the server names; null for nothing. */
  readonly session?: string | null | undefined;
  /** What its body goes through, which may change its length. */
  readonly through?: readonly Transform[];
  /** Whether the caller takes what comes after the body; not with `through`, of which it would say what is not so. */
  readonly withTrailers?: boolean;
}

/** The reason why everything ends that was for a caller. */
export class CallerGone extends Error {
  constructor() {
    super('The caller hung up.');
  }
}

/**
 * The answer to one request: the server's or one of our own, given once. While the caller waits it may begin early, as
 * a stream with heartbeats, into which the answer is then put.
 */
export class Reply {
  /** Aborts when the caller hangs up. */
  readonly gone: AbortSignal;
  readonly acceptsStream: boolean;
  #beating: Disposable | undefined;
  #hasBegun = false;
  #isHandedOn = false;

  constructor(
    private readonly response: ServerResponse,
    /** The `Accept` header of the request. */
    private readonly accept: string | undefined,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    const hungUp = new AbortController();
    this.gone = hungUp.signal;
    this.acceptsStream = accepts(accept, eventStream);
    response.on('close', () => {
      this.#beating?.dispose();
      if (!response.writableFinished) hungUp.abort(new CallerGone());
    });
  }

  /** Whether a stream has begun, so that neither status nor headers can be said any more. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether one has begun, or may before the answer comes, which must be readable then. */
  get mayBegin(): boolean {
    return this.#hasBegun || this.#beating !== undefined;
  }

  /** Whether it is the server's answer, which is on its way. */
  get isHandedOn(): boolean {
    return this.#isHandedOn;
  }

  /** Calls `listener` when the answer has been given, or cannot be given any more. */
  whenOver(listener: () => void): void {
    this.response.once('close', listener);
  }

  /** Lets the caller hear of us from now on, after a moment in which the answer may still come plainly. */
  keepAlive(): void {
    if (this.response.destroyed) return;
    this.#beating ??= this.clock.after(quietMs, () => {
      this.#begin();
      this.#beat();
    });
  }

  /** Tells the caller something before the answer, in a stream, which it must accept. */
  announce(jsons: readonly string[]): void {
    this.#begin();
    for (const json of jsons) this.response.write(eventOf(json));
  }

  /**
   * Gives what the server answered, which must fit: once `hasBegun`, only an event stream or a JSON document does.
   */
  handOn(answer: IncomingMessage, { session, through = [], withTrailers = false }: Passage = {}): void {
    const { response } = this;
    this.#settle();
    this.#isHandedOn = true;
    const onEnd = (error?: Error | null) => {
      if (!error) return;
      if (!this.gone.aborted) this.log.debug(`An answer broke off: ${describeError(error)}`);
      response.destroy();
    };
    if (this.#hasBegun) {
      const asBegun = isEventStream(answer) ? [] : [asEvent()];
      pipeline([answer, withoutByteOrderMark(), ...through, ...asBegun, response], onEnd);
      return;
    }
    const headers = forwardedResponseHeaders(answer.rawHeaders);
    const begin = () => {
      const named = session === undefined ? headers : renamed(headers, session);
      return response.writeHead(
        answer.statusCode ?? 502,
        through.length > 0 ? withoutHeader(named, 'content-length') : named,
      );
    };
    if (through.length > 0) {
      begin();
      if (isEventStream(answer)) response.flushHeaders();
      pipeline([answer, ...through, response], onEnd);
      return;
    }
    // What has come with the headers leaves with them.
    const begun = readAtHand(answer);
    if (answer.complete && !(withTrailers && answer.rawTrailers.length > 0)) {
      if (begun !== undefined && answer.headers['content-length'] === undefined)
        headers.push('content-length', String(begun.length));
      begin();
      if (begun === undefined) response.end();
      else endWith(response, begun);
      return;
    }
    begin();
    if (begun !== undefined) response.write(begun);
    // A stream may be silent for long.
    else if (isEventStream(answer)) response.flushHeaders();
    answer.on('error', onEnd);
    // Before the pipe, which ends the response.
    if (withTrailers) answer.once('end', () => response.addTrailers(forwardedTrailers(answer.rawTrailers)));
    answer.pipe(response);
  }

  /** Gives an answer of our own, in a form that the caller takes. */
  say({ status, body, session }: OwnAnswer): void {
    const { response, accept } = this;
    this.#settle();
    if (this.#hasBegun) {
      response.end(body === undefined ? '' : eventOf(body));
      return;
    }
    const isForStreamsOnly = this.acceptsStream && !accepts(accept, 'json') && !accepts(accept, '*/*');
    if (body === undefined) response.writeHead(status).end();
    else if (status === 200 && isForStreamsOnly)
      response
        .writeHead(200, {
          ...eventStreamHeaders,
          ...(session !== undefined && { 'mcp-session-id': session }),
        })
        .end(eventOf(body));
    else
      response
        .writeHead(status, {
          'content-type': 'application/json',
          ...(session !== undefined && { 'mcp-session-id': session }),
        })
        .end(body);
  }

  /** Breaks off an answer that cannot be completed, so that half is not taken for whole. */
  breakOff(): void {
    this.#settle();
    this.response.destroy();
  }

  /** Whether the answer is on its way already, and nothing else can be said. */
  get isGiven(): boolean {
    return this.response.headersSent && !this.#hasBegun;
  }

  #begin(): void {
    if (!this.#hasBegun) this.response.writeHead(200, eventStreamHeaders);
    this.#hasBegun = true;
  }

  #settle(): void {
    this.#beating?.dispose();
  }

  #beat(): void {
    if (this.response.destroyed) return;
    this.response.write(heartbeat);
    this.#beating = this.clock.after(heartbeatMs, () => this.#beat());
  }
}

/** The headers of an answer in a session that the caller knows as `session`, or not at all. */
function renamed(headers: readonly string[], session: string | null): string[] {
  const others = withoutHeader(headers, 'mcp-session-id');
  return session === null ? others : [...others, 'mcp-session-id', session];
}

export const isEventStream = ({ headers }: IncomingMessage): boolean =>
  headers['content-type']?.toLowerCase().startsWith(eventStream) === true;

/** All that has come and has not been read yet; whoever listens to `answer` hears it as well. */
function readAtHand(answer: IncomingMessage): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let chunk = nextOf(answer); chunk !== null; chunk = nextOf(answer)) chunks.push(chunk);
  return chunks.length > 1 ? Buffer.concat(chunks) : chunks[0];
}

const nextOf = (answer: IncomingMessage): Buffer | null => answer.read() as Buffer | null;
