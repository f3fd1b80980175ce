import type { Account } from './account.js';
import { covers, isLoopback } from './address.js';
import { BrokerError } from './errors.js';

/** Where a token may go: to what it was issued for or, when it names nothing, to origins that were allowed for it. */
export type Reach =
  /** The protected resource that the token names as its audience. */
  | { readonly kind: 'resource'; readonly resource: string }
  | {
      readonly kind: 'origins';
      /** The issuer's own: each an origin, or such as `https://*.example.com` for every host below a domain. */
      readonly patterns: readonly string[];
      /** Those that the user has allowed, each exactly as `tokenOrigin` gives it. */
      readonly origins: readonly string[];
    };

/** Whether a token with `reach` may be sent to `address`. */
export function reaches(reach: Reach, address: string): boolean {
  return reach.kind === 'resource' ? covers(reach.resource, address) : isAmong(reach, tokenOrigin(address));
}

/** The same for an address of which the `tokenOrigin` is known, and a token that names no audience. */
export const isAmong = (
  { origins, patterns }: Extract<Reach, { kind: 'origins' }>,
  origin: string | undefined,
): boolean =>
  origin !== undefined && (origins.includes(origin) || patterns.some((pattern) => includes(pattern, origin)));

/** Why a token of `account` with `reach` is not sent to `url`: `origin_not_allowed` or `resource_mismatch`. */
export function outOfReach(url: string, reach: Reach, account: Account): BrokerError {
  if (reach.kind === 'origins')
    return new BrokerError('origin_not_allowed', 'The token may not go there.', {
      details: { account: account.label, origin: new URL(url).origin },
    });
  return new BrokerError('resource_mismatch', 'The token is for another address than the call.', {
    details: { server: url, resource: JSON.stringify(reach.resource) },
  });
}

/**
 * The origin of `address` when a token that names no audience may be allowed there at all: https, or http on this
 * computer. No host of it looks like a pattern.
 */
export function tokenOrigin(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  return isSafe && !url.hostname.includes('*') ? url.origin : undefined;
}

/** Whole labels count: `https://*.example.com` includes neither `https://evilexample.com` nor another port. */
function includes(pattern: string, origin: string): boolean {
  const domain = /^https:\/\/\*(\.[a-z0-9.-]+)$/.exec(pattern)?.[1];
  if (domain === undefined) return pattern === origin;
  const scheme = 'https://';
  // A port would stand behind the domain.
  return (
    origin.startsWith(scheme) && origin.endsWith(domain) && origin.length > scheme.length + domain.length
  );
}
