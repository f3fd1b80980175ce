import { request, type RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface RawRequest {
  readonly method?: string;
  /** Names and values, exactly these and in this order, `Host` included when it is among them. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

/** Sends what `fetch` would not: any host, any origin, any header. */
export function rawRequest(
  url: string,
  { method = 'POST', headers = {}, body = '' }: RawRequest = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...whereOf(url),
      method,
      headers: headers as Record<string, string>,
      agent: false,
    });
    outgoing.once('error', reject);
    outgoing.once('response', (answer) => {
      text(answer).then(
        (received) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: received }),
        reject,
      );
    });
    outgoing.end(body);
  });
}

/** As the editor's client does: behind `unix:`, the fragment is the path and the host is `localhost`. */
function whereOf(address: string): RequestOptions {
  const { protocol, hostname, port, pathname, search, hash } = new URL(address);
  if (protocol === 'unix:')
    return { socketPath: decodeURI(pathname), path: hash.slice(1), host: 'localhost' };
  return { host: hostname.replace(/^\[|\]$/g, ''), port, path: `${pathname}${search}` };
}

export const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

export const callOf = (tool: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: {} } });
