import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, unzip } from 'node:zlib';
import { parseJson } from './message.js';
import { recordOf } from './inquiry.js';
import { isEventStream } from './reply.js';

const unpack = {
  gzip: promisify(unzip),
  deflate: promisify(unzip),
  br: promisify(brotliDecompress),
} as const;

/**
 * Listens to an answer while it goes somewhere else, or nowhere.
 * @returns its text; undefined when it is larger than `limitBytes`, packed in an unknown way or not complete
 */
export async function collected(answer: IncomingMessage, limitBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const isComplete = await new Promise<boolean>((resolve) => {
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) chunks.push(chunk);
      else stop(false);
    };
    const stop = (isWhole: boolean) => {
      answer.off('data', onData);
      resolve(isWhole);
    };
    answer.on('data', onData);
    answer.once('end', () => stop(answer.complete));
    answer.once('close', () => stop(false));
    answer.once('error', () => stop(false));
  });
  if (!isComplete) return undefined;
  const bytes = Buffer.concat(chunks);
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return bytes.toString('utf8');
  if (encoding !== 'gzip' && encoding !== 'deflate' && encoding !== 'br') return undefined;
  try {
    return (await unpack[encoding](bytes, { maxOutputLength: limitBytes })).toString('utf8');
  } catch {
    return undefined;
  }
}

/** The result for the request `id` in the text of an answer, JSON or events; undefined when there is none. */
export function resultIn(answer: IncomingMessage, text: string, id: unknown): unknown {
  const texts = isEventStream(answer) ? eventsIn(text) : [text];
  for (const one of texts) {
    const response = recordOf(parseJson(one));
    if (response['id'] === id && response['result'] !== undefined) return response['result'];
  }
  return undefined;
}

/** The data of each event (WHATWG HTML §9.2.6). */
function eventsIn(text: string): string[] {
  return text.split(/\r\n\r\n|\n\n|\r\r/).map((event) =>
    event
      .split(/\r\n|\n|\r/)
      .flatMap((line) => /^data:? ?(.*)$/.exec(line)?.[1] ?? [])
      .join('\n'),
  );
}
