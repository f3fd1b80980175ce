import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';

/** A request body on its way to the server. */
export interface Body {
  /** All of it, when it is small enough to be sent twice. */
  readonly whole: Buffer | undefined;
  /** Sends it. A body that is not `whole` can be sent once. */
  sendTo(upstream: Writable): void;
}

/** Reads up to `limitBytes`; what is larger is left flowing, with the part that has been read in front. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Body> {
  // A small body comes in one packet with its headers and is read together with them, but told a moment later.
  await undefined;
  const size = request.readableLength;
  if (size === Number(request.headers['content-length']) && size <= limitBytes)
    return wholeBody(request.read() as Buffer);
  return readSlowly(request, limitBytes);
}

async function readSlowly(request: IncomingMessage, limitBytes: number): Promise<Body> {
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
  if (isWhole) return wholeBody(Buffer.concat(chunks));
  return {
    whole: undefined,
    sendTo: (upstream) => {
      for (const chunk of chunks.splice(0)) upstream.write(chunk);
      request.pipe(upstream);
    },
  };
}

const wholeBody = (whole: Buffer): Body => ({ whole, sendTo: (upstream) => upstream.end(whole) });
