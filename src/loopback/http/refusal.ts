import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import { unescaped } from '../../core/escapes.js';
import { masked } from '../../core/masking.js';
import type { Clock } from '../../core/ports.js';
import { parseJson } from '../messages/message.js';

/** A reason is a sentence; whatever is longer is a page. */
const reasonLimitBytes = 16_384;
const quoteLimit = 300;
const patienceMs = 2_000;

/** So much of a token is no accident, and all that a part of it is worth. */
const tellingLength = 16;

/**
 * Reads all of a short answer.
 * @returns what has come of it within a moment, up to a limit
 */
export async function readShort(
  answer: IncomingMessage,
  clock: Clock,
  limitBytes = reasonLimitBytes,
): Promise<string> {
  const timer = clock.after(patienceMs, () => answer.destroy());
  const encoding = answer.headers['content-encoding'];
  const plain =
    encoding === undefined || encoding === 'identity'
      ? answer
      : // Unlike a pipe, it ends for the reader as well when the answer breaks off.
        pipeline(answer, encoding === 'br' ? createBrotliDecompress() : createUnzip(), () => undefined);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= limitBytes) break;
    }
  } catch {
    // What has come is all that there is.
  } finally {
    timer.dispose();
    answer.destroy();
  }
  return Buffer.concat(chunks).subarray(0, limitBytes).toString('utf8');
}

/**
 * Why a server refused a request, in its own words: from its body, else from its challenge.
 * @param secret - what must not be repeated, although the server may
 * @returns as JSON text, so that it can neither forge a line nor pass as ours; undefined when it gives no reason
 */
export function quotedReason(answer: IncomingMessage, body: string, secret: string): string | undefined {
  const { 'content-type': type = '', 'www-authenticate': challenge = '' } = answer.headers;
  const inBody = type.includes('json')
    ? inJson(parseJson(body))
    : type.startsWith('text/plain')
      ? body
      : undefined;
  const [, inChallenge] = /\berror_description="((?:[^"\\]|\\.)*)"/.exec(challenge) ?? [];
  const reason = (inBody ?? inChallenge?.replace(/\\(.)/g, '$1'))?.trim();
  return reason === undefined || reason === '' ? undefined : quoted(reason, secret);
}

/**
 * What a server wrote, for a log or for a user.
 * @param secret - what the server was given, and must not be repeated although the server may, as it is or with
 *   characters escaped
 * @returns as JSON text of a limited length, so that it can neither forge a line nor pass as ours; undefined when the
 *   secret, or the beginning of it, is in it
 */
export function quoted(text: string, secret: string): string | undefined {
  const beginning = secret.slice(0, tellingLength);
  if (unescaped(text).some((form) => form.includes(beginning))) return undefined;
  const safe = masked(text);
  return JSON.stringify(safe.length > quoteLimit ? `${safe.slice(0, quoteLimit)}…` : safe);
}

/** Where servers put their words: JSON-RPC, OAuth (RFC 6749 §5.2), problem details (RFC 9457), and what is common. */
const places = ['error_description', 'message', 'detail', 'title', 'error'];

function inJson(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || depth > 2) return undefined;
  for (const place of places) {
    const found = inJson((value as Record<string, unknown>)[place], depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
