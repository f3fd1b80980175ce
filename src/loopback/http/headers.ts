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
  'dpop',
  'cookie',
  'origin',
  'referer',
  'content-length',
  'expect',
];

/** What a server says to a client that signs in by itself or keeps cookies; the broker does the one and nobody the other. */
const meantForBrowsers = ['www-authenticate', 'proxy-authenticate', 'dpop-nonce', 'set-cookie'];

const notForServer = new Set([...hopByHop, ...local]);

const notForCaller = new Set([...hopByHop, ...meantForBrowsers]);

/** The request headers that the server gets, in order, without a credential. */
export function forwardedRequestHeaders(rawHeaders: readonly string[]): string[] {
  return without(rawHeaders, notForServer);
}

/** The response headers that the caller gets, in order. */
export function forwardedResponseHeaders(rawHeaders: readonly string[]): string[] {
  return without(rawHeaders, notForCaller);
}

/** Whether one of the pairs is called `name`, which is in lower case. */
export const hasHeader = (headers: readonly string[], name: string): boolean =>
  headers.some((one, at) => at % 2 === 0 && one.toLowerCase() === name);

/** Flat name and value pairs, without the pairs that are called `name`, which is in lower case. */
export const withoutHeader = (headers: readonly string[], name: string): string[] =>
  headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== name);

/** The same with `name`, which is in lower case, set to `value` and to nothing else. */
export const withHeader = (headers: readonly string[], name: string, value: string): string[] => [
  ...withoutHeader(headers, name),
  name,
  value,
];

function without(rawHeaders: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  const named: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const value = rawHeaders[at + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'connection') named.push(...value.split(',').map((token) => token.trim().toLowerCase()));
    if (!names.has(lower)) kept.push(name, value);
  }
  // As a rule it names only the connection itself.
  return named.every((name) => name === 'close' || names.has(name)) ? kept : without(kept, new Set(named));
}

/** The value of a header that counts once, whose type allows several. */
export const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
