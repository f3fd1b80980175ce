import { Transform } from 'node:stream';

/** Whether an `Accept` header takes `type`, which is written out in full there or not at all in what MCP clients send. */
export const accepts = (accept: string | undefined, type: string): boolean =>
  accept?.toLowerCase().includes(type) === true;

export const eventStream = 'text/event-stream';

/** Headers of a stream that we begin by ourselves. */
export const eventStreamHeaders = { 'content-type': eventStream, 'cache-control': 'no-cache' };

/** Keeps a connection from being taken for dead; clients skip it (WHATWG HTML §9.2.6). */
export const heartbeat = ': waiting\n\n';

/** `json` as an event. Line breaks in a JSON text mean nothing, and would end the event. */
export const eventOf = (json: string): string => `event: message\ndata: ${json.replace(/[\r\n]/g, ' ')}\n\n`;

const byteOrderMark = Buffer.from('\uFEFF');

/** Takes the mark off with which a text may begin: in the middle of a stream it is part of a line (WHATWG HTML §9.2.6). */
export function withoutByteOrderMark(): Transform {
  let begun: Buffer | undefined = Buffer.alloc(0);
  const unmarked = (text: Buffer) => (text.indexOf(byteOrderMark) === 0 ? text.subarray(3) : text);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (begun === undefined) {
        done(null, chunk);
        return;
      }
      begun = Buffer.concat([begun, chunk]);
      if (begun.length < 3 && byteOrderMark.indexOf(begun) === 0) {
        done();
        return;
      }
      const text = unmarked(begun);
      begun = undefined;
      done(null, text);
    },
    flush(done) {
      done(null, begun);
    },
  });
}

/** Turns a JSON text that streams through into an event. */
export function asEvent(): Transform {
  let hasBegun = false;
  const begin = (stream: Transform) => {
    if (!hasBegun) stream.push('event: message\ndata: ');
    hasBegun = true;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      begin(this);
      done(
        null,
        chunk.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)),
      );
    },
    flush(done) {
      begin(this);
      done(null, '\n\n');
    },
  });
}
