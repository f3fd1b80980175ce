import { BrokerError } from '../core/errors.js';
import type { Fetch, FetchInit } from '../core/ports.js';

/** A slash at the end, another path after a move; more is a loop. */
const redirectLimit = 3;

/**
 * Fetches a metadata document from the first of several addresses that has one, through redirects that stay at its
 * origin. A server that is in trouble is not a server without metadata: a 5xx or 429 ends the search, so that nobody
 * can be pushed to a weaker fallback by an outage.
 * @param namedBy - who named these addresses; undefined when the user did
 * @returns the address and the parsed JSON object, or undefined when no address has a document
 * @throws BrokerError `issuer_unreachable`, and those of `fetch`
 */
export async function findDocument(
  fetch: Fetch,
  addresses: readonly string[],
  signal: AbortSignal,
  namedBy?: string,
): Promise<{ readonly address: string; readonly response: Response } | undefined> {
  for (const address of addresses) {
    const response = await follow(fetch, address, { signal, ...(namedBy !== undefined && { namedBy }) });
    if (response.status >= 500 || response.status === 429) {
      const { host } = new URL(address);
      throw new BrokerError('issuer_unreachable', `${host} answers ${response.status}.`, {
        details: { host },
      });
    }
    if (response.status === 200 && isJson(response)) return { address, response };
  }
  return undefined;
}

/** Sends nothing that is worth stealing, and lets no document be another origin's. */
async function follow(fetch: Fetch, address: string, init: FetchInit): Promise<Response> {
  let url = address;
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(url, { method: 'GET', headers: { accept: 'application/json' }, ...init });
    const location = response.headers.get('location');
    const isRedirect = [301, 302, 303, 307, 308].includes(response.status);
    if (!isRedirect || location === null || !URL.canParse(location, url)) return response;
    const next = new URL(location, url);
    if (next.origin !== new URL(url).origin || redirects >= redirectLimit) return response;
    url = next.href;
  }
}

/** Web applications answer any path with a page; that is not metadata. */
const isJson = (response: Response): boolean =>
  /^application\/([\w.+-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '');
