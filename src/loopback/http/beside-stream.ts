import { reaches, type Reach } from '../../core/reach.js';

/** Where messages of the older transport go: an address, and the stream on which the server named it. */
export interface NamedEndpoint {
  readonly url: string;
  readonly stream: string;
}

/**
 * Whether a token with `reach` may be sent to an endpoint that a server named.
 *
 * Servers of the older transport often stand at `…/sse`, name that as their resource, and want to be told at
 * `…/messages`. The two are one transport, and it is the server's own statement that says so: it came in answer to a
 * request that carried this very token, from the address that the user configured and the token was issued for. Who
 * wrote it has the token already, and gets it sent to no other origin, nor out of the folder in which the stream is,
 * where somebody else's server may be. For every other token what it names is the limit, as always.
 * @see MCP 2024-11-05, "HTTP with SSE": the `endpoint` event
 */
export function mayBeTold(reach: Reach, { url, stream }: NamedEndpoint): boolean {
  if (reaches(reach, url)) return true;
  if (reach.kind !== 'resource' || URL.parse(reach.resource)?.href !== URL.parse(stream)?.href) return false;
  const folder = URL.parse('.', stream);
  const endpoint = URL.parse(url);
  if (folder === null || endpoint === null || endpoint.username !== '' || endpoint.password !== '')
    return false;
  return reaches({ kind: 'resource', resource: folder.href }, endpoint.href);
}
