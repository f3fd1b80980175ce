import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * What can go wrong with one request.
 * `hang` never answers, `reset` cuts the connection before the request is looked at, and `lostAnswer` cuts it
 * after the request has had its effect: a rotated refresh token is spent although its successor never arrives.
 */
export type Fault =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** An object is sent as JSON, a string as HTML, unless `headers` say otherwise. */
      readonly body?: string | Readonly<Record<string, unknown>>;
    }
  | 'hang'
  | 'reset'
  | 'lostAnswer';

/** The faults that are still to come, per place, in the order in which they were planned. */
export class FaultPlan {
  readonly #planned = new Map<string, Fault[]>();

  failNext(place: string, fault: Fault, times = 1): void {
    const queue = this.#planned.get(place) ?? [];
    queue.push(...Array<Fault>(times).fill(fault));
    this.#planned.set(place, queue);
  }

  /** The fault for a request to `place`, which is used up by asking. */
  take(place: string): Fault | undefined {
    return this.#planned.get(place)?.shift();
  }
}

/** @returns whether the request is done with; after `lostAnswer` it still has to be processed */
export function applyFault(fault: Fault, req: IncomingMessage, res: ServerResponse): boolean {
  switch (fault) {
    case 'hang':
      return true;
    case 'reset':
      req.socket.destroy();
      return true;
    case 'lostAnswer':
      loseAnswer(req, res);
      return false;
    default:
      answer(fault, res);
      return true;
  }
}

function answer({ status, headers, body = '' }: Exclude<Fault, string>, res: ServerResponse): void {
  const isJson = typeof body !== 'string';
  res.writeHead(status, { 'content-type': isJson ? 'application/json' : 'text/html', ...headers });
  res.end(isJson ? JSON.stringify(body) : body);
}

/** Not a byte may leave, so the methods that send are replaced rather than the socket watched. */
function loseAnswer(req: IncomingMessage, res: ServerResponse): void {
  const lose = () => {
    req.socket.destroy();
    return res;
  };
  res.flushHeaders = lose;
  res.writeHead = lose;
  res.write = () => {
    lose();
    return true;
  };
  res.end = lose;
}
