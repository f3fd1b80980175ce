import assert from 'node:assert/strict';
import type { Fetch } from '../../src/core/ports.js';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

type Answer = Response | (() => Response | Promise<Response>);

/** The answers of hosts that do not exist, by method and address. Every other request fails the test that sends it. */
export class ScriptedFetch {
  readonly seen: SeenRequest[] = [];
  readonly #answers: Readonly<Record<string, Answer>>;

  /** @param answers - by `METHOD address`; 404 for addresses below `.well-known` that are not named */
  constructor(answers: Readonly<Record<string, Answer>>) {
    this.#answers = answers;
  }

  readonly fetch: Fetch = async (url, init) => {
    assert.equal(init.redirect, 'manual', 'A redirect would be followed.');
    assert.ok(init.signal instanceof AbortSignal, 'A request without a limit.');
    const method = init.method ?? 'GET';
    const body = init.body === undefined || init.body === null ? '' : await new Response(init.body).text();
    this.seen.push({ method, url, headers: new Headers(init.headers), body });
    const answer = this.#answers[`${method} ${url}`];
    if (answer === undefined && url.includes('/.well-known/')) return new Response('No.', { status: 404 });
    assert.ok(answer !== undefined, `Nobody answers ${method} ${url}.`);
    if (typeof answer === 'function') return answer();
    const { status, headers } = answer;
    // A clone would share its stream, and cancelling one of two does not end.
    return new Response(await answer.clone().text(), { status, headers });
  };

  /** What was asked, in order, as `METHOD address`. */
  get asked(): readonly string[] {
    return this.seen.map(({ method, url }) => `${method} ${url}`);
  }

  /** The form that was sent last. */
  get form(): Readonly<Record<string, string>> {
    return Object.fromEntries(new URLSearchParams(this.seen.at(-1)?.body));
  }
}

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers });

export const page = (status: number, headers: Record<string, string> = {}): Response =>
  new Response('<!doctype html><title>Please stand by</title>', {
    status,
    headers: { 'content-type': 'text/html', ...headers },
  });
