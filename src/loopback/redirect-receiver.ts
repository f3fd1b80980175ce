import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { BrokerError } from '../core/errors.js';
import type { RedirectReceiver, RedirectWait, SignInOutcome } from '../core/ports.js';
import { listen, listenOn, type PortListener } from './http/listener.js';

const usualPath = '/callback';

/** For an installation whose files have gone since the start, as an update leaves one. */
const plainPage =
  '<!doctype html><meta charset="utf-8" /><title>{{title}}</title><p>{{title}}</p><p>{{message}}</p>';

export interface ReceiverParts {
  /**
   * Where the browser is to come back: the name of this computer, `127.0.0.1` or `localhost`, and the only port that
   * will do, 0 for any. Any port of 127.0.0.1 when missing. A client that is
   * registered with another name of this computer comes back to that.
   */
  readonly place?: () => { readonly host: string; readonly port: number };
  /**
   * Where a browser on another computer finds an address of this one; such a way leads through other programs, which
   * name themselves as the host. Without it, the browser is on this computer.
   */
  readonly forward?: (address: string) => Promise<string>;
  /** The page that the browser is left with, as HTML with `{{title}}` and `{{message}}`. */
  readonly template: () => Promise<string>;
  /** The words for an outcome, as plain text. */
  readonly describe: (outcome: SignInOutcome) => { readonly title: string; readonly message: string };
}

/**
 * Receives OAuth redirects on a loopback port of its own for each sign-in (RFC 8252 §7.3), or on a fixed one, for
 * authorization servers that compare it although RFC 8252 tells them not to. Opening throws `redirect_port_taken`.
 */
export function redirectReceiver(parts: ReceiverParts): RedirectReceiver {
  return {
    open: (state, client) => open(parts, state, client?.redirectUri, client?.isRedirectFixed === true),
  };
}

/** @param isFixed - whether nothing but `registered` will do, to the letter */
async function open(
  parts: ReceiverParts,
  state: string,
  registered: string | undefined,
  isFixed: boolean,
): Promise<RedirectWait> {
  const wanted = parts.place?.() ?? { host: '127.0.0.1', port: 0 };
  const before = placeOf(registered, isFixed);
  const { host } = before ?? wanted;
  const port = isFixed && before !== undefined ? before.port : wanted.port;
  const path = before?.path ?? usualPath;
  let arrive: (redirect: URL) => void;
  let giveUp: (error: Error) => void;
  const arrived = new Promise<URL>((resolve, reject) => {
    arrive = resolve;
    giveUp = reject;
  });
  arrived.catch(() => undefined); // Whoever waits is told; nobody waiting is no failure.

  let browser: ServerResponse | undefined;
  const handle: RequestListener = (request, response) => {
    const hosts = parts.forward === undefined ? [`${host}:${listener.port}`] : undefined;
    const redirect = readRedirect(request, hosts, path, state);
    if (redirect === undefined || browser !== undefined) {
      response.writeHead(404, { connection: 'close' }).end();
      return;
    }
    browser = response;
    arrive(redirect);
  };
  const listener = await listenAt(port, handle, before?.port);
  const own = `http://${host}:${listener.port}${path}`;
  let redirectUri = own;
  try {
    if (parts.forward !== undefined && !isFixed) redirectUri = await parts.forward(own);
  } catch (error) {
    listener.close(true);
    throw error;
  }

  return {
    redirectUri,
    registrableUri: port === 0 && redirectUri === own ? `http://${host}${path}` : redirectUri,
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

/** Where on this computer a client is registered to come back to. */
function placeOf(
  registered: string | undefined,
  isFixed: boolean,
): { readonly host: string; readonly port: number; readonly path: string } | undefined {
  if (registered === undefined || !URL.canParse(registered)) return undefined;
  const { protocol, hostname: host, pathname, port } = new URL(registered);
  const isOurs =
    protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(host) && (isFixed || pathname === usualPath);
  return isOurs ? { host, port: Number(port), path: pathname } : undefined;
}

/** @throws BrokerError `redirect_port_taken` */
async function listenAt(fixed: number, handle: RequestListener, preferred?: number): Promise<PortListener> {
  if (fixed === 0) return listen(handle, preferred);
  try {
    return await listenOn(handle, fixed);
  } catch (cause) {
    throw new BrokerError('redirect_port_taken', `Port ${fixed} is taken.`, {
      cause,
      details: { port: fixed },
    });
  }
}

/**
 * The redirect that a request is, if it is ours; anything else on this port learns nothing.
 * @param hosts - the names of this computer that are ours; undefined where the way leads through other programs
 */
function readRedirect(
  { method, url = '', headers }: IncomingMessage,
  hosts: readonly string[] | undefined,
  path: string,
  state: string,
): URL | undefined {
  const { host = '' } = headers;
  if (method !== 'GET' || hosts?.includes(host) === false || !url.startsWith('/')) return undefined;
  if (!URL.canParse(`http://${host}${url}`)) return undefined;
  const redirect = new URL(`http://${host}${url}`);
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
