import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RedirectReceiver, RedirectWait, SignInOutcome } from '../core/ports.js';
import { listen } from './listener.js';

const path = '/callback';

/** For an installation whose files have gone since the start, as an update leaves one. */
const plainPage =
  '<!doctype html><meta charset="utf-8" /><title>{{title}}</title><p>{{title}}</p><p>{{message}}</p>';

export interface ReceiverParts {
  /** The page that the browser is left with, as HTML with `{{title}}` and `{{message}}`. */
  readonly template: () => Promise<string>;
  /** The words for an outcome, as plain text. */
  readonly describe: (outcome: SignInOutcome) => { readonly title: string; readonly message: string };
}

/** Receives OAuth redirects on a loopback port of its own for each sign-in (RFC 8252 §7.3). */
export function redirectReceiver(parts: ReceiverParts): RedirectReceiver {
  return { open: (state, preferredPort) => open(parts, state, preferredPort) };
}

async function open(parts: ReceiverParts, state: string, preferredPort?: number): Promise<RedirectWait> {
  let arrive: (redirect: URL) => void;
  let giveUp: (error: Error) => void;
  const arrived = new Promise<URL>((resolve, reject) => {
    arrive = resolve;
    giveUp = reject;
  });
  arrived.catch(() => undefined); // Whoever waits is told; nobody waiting is no failure.

  let browser: ServerResponse | undefined;
  const listener = await listen((request, response) => {
    const redirect = readRedirect(request, listener.port, state);
    if (redirect === undefined || browser !== undefined) {
      response.writeHead(404, { connection: 'close' }).end();
      return;
    }
    browser = response;
    arrive(redirect);
  }, preferredPort);

  return {
    redirectUri: `http://127.0.0.1:${listener.port}${path}`,
    arrived,
    answer: (outcome) => {
      if (browser === undefined) return;
      void show(browser, parts, outcome).finally(() => listener.close(true));
    },
    dispose: () => {
      giveUp(new Error('Nobody waits for the redirect any more.'));
      listener.close(browser === undefined);
    },
  };
}

/** The redirect that a request is, if it is ours; anything else on this port learns nothing. */
function readRedirect(
  { method, url = '', headers }: IncomingMessage,
  port: number,
  state: string,
): URL | undefined {
  const origin = `http://127.0.0.1:${port}`;
  if (method !== 'GET' || headers.host !== `127.0.0.1:${port}` || !url.startsWith('/')) return undefined;
  const redirect = new URL(origin + url);
  return redirect.pathname === path && redirect.searchParams.get('state') === state ? redirect : undefined;
}

async function show(response: ServerResponse, parts: ReceiverParts, outcome: SignInOutcome): Promise<void> {
  const { title, message } = parts.describe(outcome);
  const words: Record<string, string> = { title, message };
  const page = (await parts.template().catch(() => plainPage)).replace(/\{\{(\w+)\}\}/g, (_, name: string) =>
    escape(words[name] ?? ''),
  );
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  };
  await new Promise<void>((resolve) => {
    response.writeHead(200, headers).end(page, resolve);
  });
}

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
