/** What belongs to one connection and not to the message (RFC 9110 §7.6.1). */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** What belongs to the way from the caller to us: our address, our capability, and whatever it means for others. */
const local = [
  'host',
  'authorization',
  'proxy-authorization',
  'cookie',
  'origin',
  'referer',
  'content-length',
  'expect',
];

/** What a server says to a client that signs in by itself or keeps cookies; the broker does the one and nobody the other. */
const notForCaller = ['www-authenticate', 'proxy-authenticate', 'set-cookie'];

/** The request headers that the server gets, in order, without a credential. */
export function forwardedRequestHeaders(rawHeaders: readonly string[]): string[] {
  return without(rawHeaders, [...hopByHop, ...local]);
}

/** The response headers that the caller gets, in order. */
export function forwardedResponseHeaders(rawHeaders: readonly string[]): string[] {
  return without(rawHeaders, [...hopByHop, ...notForCaller]);
}

function without(rawHeaders: readonly string[], names: readonly string[]): string[] {
  const dropped = new Set([...names, ...namedByConnection(rawHeaders)]);
  const kept: string[] = [];
  for (const [name, value] of pairs(rawHeaders)) if (!dropped.has(name.toLowerCase())) kept.push(name, value);
  return kept;
}

function namedByConnection(rawHeaders: readonly string[]): string[] {
  return pairs(rawHeaders)
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((token) => token.trim().toLowerCase()));
}

function pairs(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const result: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    result.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
  return result;
}
