import type { Writable } from 'node:stream';

/** Whatever is longer is worth no copy. */
const limitBytes = 16_384;

/**
 * Ends an HTTP message with `body`. Node joins a string to the headers, so that both leave in one write, and a buffer
 * it writes beside them. Latin-1 has a character for each byte.
 */
export function endWith(message: Writable, body: Buffer): void {
  if (body.length > limitBytes) message.end(body);
  else message.end(body.toString('latin1'), 'latin1');
}
