import { once } from 'node:events';
import type { IncomingMessage, OutgoingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { edgeBytes } from '../messages/message.js';
import { endWith } from './one-piece.js';
import { forwardedTrailers } from './trailers.js';

const nothing = Buffer.alloc(0);
const noEdges = { head: nothing, tail: nothing };

type Upstream = Writable & Partial<Pick<OutgoingMessage, 'addTrailers'>>;

/** A request body on its way to the server. */
export interface Body {
  /** All of it, when it is small enough to be sent twice. */
  readonly whole: Buffer | undefined;
  /** Its first bytes, where it is not `whole`. */
  readonly head?: Buffer;
  /** In bytes; undefined when only its end will show. */
  readonly length: number | undefined;
  /** Its first and last bytes, once all of it has come; empty where it is `whole`. */
  readonly edges: () => Promise<{ readonly head: Buffer; readonly tail: Buffer }>;
  /** Sends it. A body that is not `whole` can be sent once. */
  sendTo(upstream: Upstream): void;
}

/** A body that is all there. */
export const wholeBody = (whole: Buffer): Body => ({
  whole,
  length: whole.length,
  edges: () => Promise.resolve(noEdges),
  sendTo: (upstream) => endWith(upstream, whole),
});

/** A body of which something is said after its end, which can only be when its length is not said before. */
function withTrailers(body: Body, trailers: readonly [string, string][]): Body {
  if (trailers.length === 0) return body;
  return {
    ...body,
    length: undefined,
    sendTo: (upstream) => {
      upstream.addTrailers?.(trailers);
      body.sendTo(upstream);
    },
  };
}

/** Reads up to `limitBytes`; what is larger is left flowing, with the part that has been read in front. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Body> {
  // What came in one packet with the headers has been taken from the connection, and is here a moment later.
  await Promise.resolve();
  const size = request.readableLength;
  if (size <= limitBytes && size === Number(request.headers['content-length'] ?? NaN))
    return wholeBody((request.read() as Buffer | null) ?? nothing);
  return readAsItComes(request, limitBytes);
}

async function readAsItComes(request: IncomingMessage, limitBytes: number): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  const isWhole = await new Promise<boolean>((resolve, reject) => {
    const settle = (result: () => void) => {
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      result();
    };
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= limitBytes) return;
      request.pause();
      settle(() => resolve(false));
    };
    const onEnd = () => settle(() => resolve(true));
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () => settle(() => reject(new Error('The caller hung up.')));
    request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
  if (isWhole) return withTrailers(wholeBody(Buffer.concat(chunks)), forwardedTrailers(request.rawTrailers));
  const begun = Buffer.concat(chunks);
  const head = Buffer.from(begun.subarray(0, edgeBytes));
  let tail = Buffer.from(begun.subarray(-edgeBytes));
  let isNoted = false;
  const noteTail = () => {
    if (isNoted) return;
    isNoted = true;
    request.on('data', (chunk: Buffer) => {
      tail = lastOf(tail, chunk);
    });
  };
  const { 'content-length': length } = request.headers;
  return {
    whole: undefined,
    head,
    length: length === undefined ? undefined : Number(length),
    edges: async () => {
      request.unpipe();
      noteTail();
      request.resume();
      if (!request.readableEnded && !request.destroyed) await once(request, 'close').catch(() => undefined);
      return { head, tail };
    },
    sendTo: (upstream) => {
      noteTail();
      // Before the pipe, which ends the request.
      request.once('end', () => upstream.addTrailers?.(forwardedTrailers(request.rawTrailers)));
      for (const chunk of chunks.splice(0)) upstream.write(chunk);
      request.pipe(upstream);
    },
  };
}

/** The last bytes of `before` and `chunk` together. */
const lastOf = (before: Buffer, chunk: Buffer): Buffer<ArrayBuffer> =>
  chunk.length >= edgeBytes
    ? Buffer.from(chunk.subarray(-edgeBytes))
    : Buffer.from(Buffer.concat([before, chunk]).subarray(-edgeBytes));
