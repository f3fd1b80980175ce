import { googleAddresses } from './google-addresses.js';
import type { TestGoogle } from './google-server.js';

const googleOrigins = new Set(
  Object.values(googleAddresses).map((address: string) => new URL(address).origin),
);

/**
 * A `fetch` for which Google's names lead to the stand-in, for the addresses that Google's library has written into
 * itself. Other names than those and loopback lead nowhere.
 */
export function fetchAt(google: Pick<TestGoogle, 'addresses'>): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (googleOrigins.has(url.origin)) {
      return fetch(new URL(url.pathname + url.search, google.addresses.token), init);
    }
    if (!/^(127\.|\[::1\]$|localhost$)/.test(url.hostname)) {
      throw new Error(`Somebody wants to go to ${url.origin}.`);
    }
    return fetch(url, init);
  };
}
