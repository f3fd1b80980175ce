import { subscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';

/** An event stream's comment (WHATWG HTML §9.2.6). */
const comment = /^: .*\n\n$/;

let count: number | undefined;

/** @returns how many comments stood alone in an answer of this process since this was first called */
export function heartbeats(): number {
  if (count === undefined) {
    count = 0;
    subscribe('http.server.request.start', (message) => {
      const { response } = message as { readonly response: ServerResponse };
      const write = response.write.bind(response) as (...args: unknown[]) => boolean;
      response.write = (...args: unknown[]) => {
        if (typeof args[0] === 'string' && comment.test(args[0])) count = (count ?? 0) + 1;
        return write(...args);
      };
    });
  }
  return count;
}
