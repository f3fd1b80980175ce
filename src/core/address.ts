import { BrokerError } from './errors.js';

/** As URLs write them, in whatever way they were given. */
const thisComputer = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Whether a URL's host is this computer by its very form, for everybody: an editor sends what is for another address of
 * 127/8 to its proxy like anything else. Names other than `localhost` are not trusted to resolve to it.
 */
export const isLoopback = ({ hostname }: URL): boolean => thisComputer.includes(hostname);

/** What servers and proxies take for an address (RFC 9110 §4.1); an honest one needs much less. */
const lengthLimit = 8_000;

/** Why a text is not an address that the broker may talk to or open. */
export type AddressFlaw =
  | 'too-long'
  | 'no-url'
  | 'other-scheme'
  | 'not-encrypted'
  | 'carries-credentials'
  | 'has-fragment'
  | 'has-wildcard';

/** What there is room for where somebody reads it. */
const shownLimit = 500;

/**
 * Parses an address that the broker may talk to or open.
 * @returns the parsed URL: https, or http on this computer; no user name, password or fragment, and
 *   no wildcard for a host
 * @throws BrokerError `address_refused` with `details.address`, the beginning of the text without user name and password,
 *   and an `AddressFlaw` in `details.why`
 * @see MCP authorization, "Communication Security": all endpoints over HTTPS; RFC 8252 §8.3 for loopback
 */
export function parseAddress(text: string): URL {
  const refuse = (why: AddressFlaw) => {
    const address = shown(text);
    return new BrokerError('address_refused', `${JSON.stringify(address)} is refused: ${why}.`, {
      details: { address, why },
    });
  };
  if (text.length > lengthLimit) throw refuse('too-long');
  if (!URL.canParse(text)) throw refuse('no-url');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('other-scheme');
  if (url.protocol === 'http:' && !isLoopback(url)) throw refuse('not-encrypted');
  if (url.username !== '' || url.password !== '') throw refuse('carries-credentials');
  if (url.hash !== '') throw refuse('has-fragment');
  // No domain has one (RFC 1123 §2.1), and kept as somebody's word it would read as every host below it.
  if (url.hostname.includes('*')) throw refuse('has-wildcard');
  return url;
}

/**
 * An address as it is logged and shown. It may be as long as whoever named it likes, so each step reads it once.
 * Whatever stands before an “@” in a part of it may be a name and a password.
 */
function shown(text: string): string {
  // Tabs and line breaks anywhere in it mean nothing (WHATWG URL §4.4), and would hide a name from the second step.
  const parts = text.replace(/[\t\n\r]/g, '').split(/([/\\?#])/);
  const address = parts
    .map((part) => (part.includes('@') ? `…${part.slice(part.lastIndexOf('@'))}` : part))
    .join('');
  return address.length > shownLimit ? `${address.slice(0, shownLimit)}…` : address;
}

/**
 * An address that somebody has typed, with scheme, host and port as everybody writes them. Its path stays as it is: a
 * slash that nobody has typed would name another resource.
 * @param text - one that `parseAddress` takes
 * @see MCP authorization 2026-07-28, "Canonical Server URI"; RFC 3986 §6.2.2.1 and §6.2.3
 */
export function canonicalAddress(text: string): string {
  const { origin, href } = new URL(text);
  const [, rest = ''] = /^[^/?#]*\/\/[^/?#]*(.*)$/s.exec(text) ?? [];
  const canonical = `${origin}${rest}`;
  // Where it was typed in a way that only browsers understand, it is what they make of it.
  return URL.parse(canonical)?.href === href && !/[\s\\]/.test(canonical) ? canonical : href;
}

/**
 * Whether two texts name one issuer: they are identical, but for the terminating slash of a bare origin, which is
 * dropped when its metadata is asked for and which people write or leave out.
 * @see RFC 8414 §3.1 and §3.3
 */
export function isSameIssuer(a: string, b: string): boolean {
  // Every call asks, of texts that are alike or have nothing in common.
  if (a === b) return true;
  const [bare, slashed] = a.length < b.length ? [a, b] : [b, a];
  return slashed === `${bare}/` && URL.parse(bare)?.origin === bare;
}

/**
 * Whether two texts name one protected resource: servers without metadata are called what somebody has typed, which
 * earlier versions have kept as it was.
 */
export function isSameResource(one: string, other: string): boolean {
  if (one === other) return true;
  return (
    [one, other].every((text) => URL.canParse(text)) && canonicalAddress(one) === canonicalAddress(other)
  );
}

/**
 * Whether a credential for the protected resource `resource` may be sent to `address`: same origin, and the
 * resource's path is the address's path or one of its parents.
 * @see RFC 9728 §3.3; MCP authorization, "Token Audience Binding and Validation"
 */
export function covers(resource: string, address: string): boolean {
  // Every call asks, and most servers name themselves as their resource.
  const owner = URL.parse(resource);
  const target = resource === address ? owner : URL.parse(address);
  if (owner === null || target === null) return false;
  // Other addresses share the origin "null", or borrow one of the web.
  if (![owner, target].every(({ protocol }) => protocol === 'https:' || protocol === 'http:')) return false;
  if (owner === target) return true;
  if (owner.origin !== target.origin) return false;
  if (owner.search !== '' && owner.search !== target.search) return false;
  const [above, below] = [owner, target].map(({ pathname }) => `${pathname.replace(/\/$/, '')}/`) as [
    string,
    string,
  ];
  return below.startsWith(above);
}
