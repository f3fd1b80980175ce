import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** Marks a request that has waited already. */
const letInHeader = 'x-let-in';

/**
 * Stands before an authorization server's token endpoint and, while it is closed, lets nobody in: a renewal is
 * under way for as long as a test wants. Nobody is turned away.
 */
export class TokenGate {
  #isClosed = false;
  #waiting: (() => void)[] = [];

  close(): void {
    this.#isClosed = true;
  }

  /** How many requests wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets everybody in who waits, and who comes from now on. */
  open(): void {
    this.#isClosed = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const letIn of waiting) letIn();
  }

  /** Goes into the authorization server's `extraRoutes`. */
  readonly route = (req: IncomingMessage, res: ServerResponse): boolean => {
    if (!this.#isClosed || req.url !== '/token' || req.headers[letInHeader] !== undefined) return false;
    this.#waiting.push(() => void passOn(req, res));
    return true;
  };
}

/** The server has left the request to us, so it gets a copy. */
async function passOn(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { host = '', authorization } = req.headers;
  const answer = await fetch(`http://${host}${req.url ?? ''}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      [letInHeader]: 'yes',
      ...(authorization !== undefined && { authorization }),
    },
    body: await text(req),
  });
  res.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
}
