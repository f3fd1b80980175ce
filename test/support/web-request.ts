import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A Node request as the web standard's `Request`, without its body, which was read before. */
export function webRequest(req: IncomingMessage, origin: string): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return new Request(new URL(req.url ?? '/', origin), { method: req.method ?? 'GET', headers });
}

/** Sends a web standard's `Response`, each piece as soon as it is there, until it ends or the client has gone. */
export async function sendResponse(response: Response, res: ServerResponse): Promise<void> {
  res.writeHead(response.status, Object.fromEntries(response.headers));
  // Whoever opened a stream waits for its headers, long before there is an event to send.
  res.flushHeaders();
  const reader = response.body?.getReader();
  res.once('close', () => void reader?.cancel());
  for (;;) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) break;
    if (!res.write(piece.value)) await Promise.race([once(res, 'drain'), once(res, 'close')]);
  }
  res.end();
}
