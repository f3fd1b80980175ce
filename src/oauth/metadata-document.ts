import { parseAddress } from '../core/address.js';
import { BrokerError } from '../core/errors.js';
import type { Fetch, FetchInit } from '../core/ports.js';
import { readAnswer, type Answer } from './normalized-answer.js';

/** A slash at the end, another path after a move; more is a loop. */
const redirectLimit = 3;

interface FoundDocument {
  readonly address: string;
  readonly response: Response;
}

/**
 * Fetches a metadata document from the first of several addresses that has one, through redirects that stay at its
 * origin. Some servers answer any path with a JSON object that says that nothing is there; only where no other address
 * has more to say is it what was found. A server that is in trouble is not a server without metadata: a 5xx or 429 ends the search, so that nobody
 * can be pushed to a weaker fallback by an outage.
 * @param isMetadata - whether a JSON object is of the kind that is sought
 * @param namedBy - who named these addresses; undefined when the user did
 * @returns the address and its answer, or undefined when no address has a document
 * @throws BrokerError `issuer_unreachable`, and those of `fetch`
 */
export async function findDocument(
  fetch: Fetch,
  addresses: readonly string[],
  isMetadata: (document: Answer) => boolean,
  signal: AbortSignal,
  namedBy?: string,
): Promise<FoundDocument | undefined> {
  let other: FoundDocument | undefined;
  for (const address of addresses) {
    const response = await follow(fetch, address, { signal, ...(namedBy !== undefined && { namedBy }) });
    if (response.status >= 500 || response.status === 429) {
      const { host } = new URL(address);
      throw new BrokerError('issuer_unreachable', `${host} answers ${response.status}.`, {
        details: { host },
      });
    }
    if (response.status !== 200 || !isJson(response)) continue;
    const document = await readAnswer(response.clone());
    if (document !== undefined && isMetadata(document)) return { address, response };
    other ??= { address, response };
  }
  return other;
}

/** Sends nothing that is worth stealing, and lets no document be another origin's. */
async function follow(fetch: Fetch, address: string, init: FetchInit): Promise<Response> {
  let url = address;
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(url, { method: 'GET', headers: { accept: 'application/json' }, ...init });
    const location = response.headers.get('location');
    const isRedirect = [301, 302, 303, 307, 308].includes(response.status);
    const next = isRedirect && location !== null ? redirectTarget(location, url) : undefined;
    if (next === undefined || redirects >= redirectLimit) return response;
    url = next;
  }
}

/** Web applications lead any path that they do not know to a page, whose name may stand in the fragment. */
function redirectTarget(location: string, from: string): string | undefined {
  const next = URL.parse(location, from);
  if (next?.origin !== new URL(from).origin) return undefined;
  next.hash = '';
  try {
    return parseAddress(next.href).href;
  } catch {
    return undefined; // What nobody may be asked for is not here.
  }
}

/** Web applications answer any path with a page; that is not metadata. */
const isJson = (response: Response): boolean =>
  /^application\/([\w.+-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '');
