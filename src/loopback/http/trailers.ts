import type { IncomingHttpHeaders } from 'node:http';

/**
 * What says who somebody is, what a message means or how it goes on its way, and so stands before it or not at all.
 * @see RFC 9110 §6.5.1
 */
const onlyHeaders =
  /^(?:connection|keep-alive|te|trailer|upgrade|transfer-.*|content-.*|host|expect|max-forwards|range|if-.*|accept.*|cache-control|pragma|age|date|expires|vary|location|retry-after|warning|mcp-.*|dpop.*|origin|referer|via|forwarded|x-forwarded-.*|x-goog-user-project|.*(?:auth|cookie|token|secret|credential|session|api-?key).*)$/i;

/** Node throws at what cannot be written, and does so where nobody could catch it. */
const isWritable = (name: string, value: string): boolean =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);

/** Whether whoever sends these headers takes trailers: that holds for one connection, and must say so (RFC 9110 §10.1.4). */
export const takesTrailers = ({ te, connection }: IncomingHttpHeaders): boolean =>
  te !== undefined && lists(te, 'trailers') && lists(connection, 'te');

const lists = (header: string | readonly string[] = '', item: string): boolean =>
  String(header)
    .split(',')
    .some((one) => one.trim().toLowerCase() === item);

/** What tells a server that they are taken; it belongs to one connection, as that says. */
export const teHeaders = ['connection', 'TE, keep-alive', 'te', 'trailers'] as const;

/**
 * The trailers that go on with a message, in order.
 * @param rawTrailers - flat name and value pairs
 */
export function forwardedTrailers(rawTrailers: readonly string[]): readonly [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < rawTrailers.length; at += 2) {
    const [name = '', value = ''] = [rawTrailers[at], rawTrailers[at + 1]];
    if (!onlyHeaders.test(name) && isWritable(name, value)) pairs.push([name, value]);
  }
  return pairs;
}
