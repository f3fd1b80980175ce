import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';

/**
 * Fetches a metadata document from the first of several addresses that has one.
 * A server that is in trouble is not a server without metadata: a 5xx or 429 ends the search, so that nobody can
 * be pushed to a weaker fallback by an outage.
 * @returns the address and the parsed JSON object, or undefined when no address has a document
 * @throws BrokerError `issuer_unreachable`, and those of `fetch`
 */
export async function findDocument(
  fetch: Fetch,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly address: string; readonly response: Response } | undefined> {
  for (const address of addresses) {
    const response = await fetch(address, { method: 'GET', headers: { accept: 'application/json' }, signal });
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

/** Web applications answer any path with a page; that is not metadata. */
const isJson = (response: Response): boolean =>
  /^application\/([\w.+-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '');
