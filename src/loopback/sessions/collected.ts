import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import { parseJson } from '../messages/message.js';
import { recordOf } from '../messages/inquiry.js';
import { plain } from '../messages/written-number.js';
import { isEventStream } from '../http/reply.js';

/** An empty line, which ends an event (WHATWG HTML §9.2.6); so long at most that it can be cut in two. */
const eventEnd = /\r\n\r\n|\n\n|\r\r/;
const cutLength = 3;

/**
 * Listens to an answer while it goes somewhere else, or nowhere; to a stream only as far as what answers the request,
 * since a server may leave it open.
 * @param id - of the request
 * @returns its text; undefined when it is larger than `limitBytes`, packed in an unknown way or not complete
 */
export async function collected(
  answer: IncomingMessage,
  limitBytes: number,
  id: unknown,
): Promise<string | undefined> {
  const unpacking = unpackerOf(answer);
  if (unpacking === 'unknown') return undefined;
  const source: Readable = unpacking ?? answer;
  const isStream = isEventStream(answer);
  let chunks: Buffer[] = [];
  let [size, edge] = [0, ''];
  return new Promise((resolve) => {
    const stop = (text: string | undefined) => {
      source.off('data', onData);
      if (unpacking !== undefined) {
        answer.off('data', pack);
        unpacking.destroy();
      }
      resolve(text);
    };
    const pack = (chunk: Buffer) => unpacking?.write(chunk);
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) {
        stop(undefined);
        return;
      }
      chunks.push(chunk);
      if (!isStream) return;
      const newest = edge + chunk.toString('latin1');
      edge = newest.slice(-cutLength);
      if (!eventEnd.test(newest)) return;
      // As bytes, of which the last may be half a character.
      const events = Buffer.concat(chunks).toString('latin1').split(eventEnd);
      const rest = Buffer.from(events.pop() ?? '', 'latin1');
      const texts = events.map((event) => Buffer.from(event, 'latin1').toString('utf8'));
      const response = texts.find((event) => responseIn(dataOf(event), id) !== undefined);
      if (response === undefined) chunks = [rest];
      else stop(response);
    };
    const whole = () => stop(answer.complete ? Buffer.concat(chunks).toString('utf8') : undefined);
    source.on('data', onData).once('end', whole);
    source.once('error', () => stop(undefined));
    if (unpacking !== undefined) answer.on('data', pack).once('end', () => unpacking.end());
    answer.once('close', () => {
      if (unpacking === undefined || !answer.complete) stop(undefined);
    });
    answer.once('error', () => stop(undefined));
  });
}

/** The result for the request `id` in the text of an answer, JSON or events; undefined when there is none. */
export function resultIn(answer: IncomingMessage, text: string, id: unknown): unknown {
  const texts = isEventStream(answer) ? text.split(eventEnd).map(dataOf) : [text];
  for (const one of texts) {
    const { result } = responseIn(one, id) ?? {};
    if (result !== undefined) return result;
  }
  return undefined;
}

/** The response to the request `id`, if `json` is that. */
function responseIn(json: string, id: unknown): Readonly<Record<string, unknown>> | undefined {
  const response = recordOf(parseJson(json));
  const isFor = response['id'] === plain(id) && ('result' in response || 'error' in response);
  return isFor ? response : undefined;
}

/** The data of an event (WHATWG HTML §9.2.6). */
const dataOf = (event: string): string =>
  event
    .split(/\r\n|\n|\r/)
    .flatMap((line) => /^data:? ?(.*)$/.exec(line)?.[1] ?? [])
    .join('\n');

/** @returns undefined for what is not packed */
function unpackerOf({ headers }: IncomingMessage): Transform | 'unknown' | undefined {
  switch ((headers['content-encoding'] ?? 'identity').toLowerCase()) {
    case 'identity':
      return undefined;
    case 'gzip':
    case 'deflate':
      return createUnzip();
    case 'br':
      return createBrotliDecompress();
    default:
      return 'unknown';
  }
}
