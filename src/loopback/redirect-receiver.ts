import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrokerError } from '../core/errors.js';
import type { RedirectReceiver, RedirectWait, SignInOutcome } from '../core/ports.js';
import type { PortListener } from './http/listener.js';
import { SharedPorts, type Take } from './http/shared-ports.js';

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
 * Receives OAuth redirects on any loopback port (RFC 8252 §7.3), or on the one that the client is registered with, for
 * authorization servers that compare it although RFC 8252 tells them not to; several sign-ins share that and are told
 * apart by their `state`. Opening throws `redirect_port_taken`.
 */
export function redirectReceiver(parts: ReceiverParts): RedirectReceiver {
  const shared = new SharedPorts();
  return {
    open: (state, client) => open(parts, shared, state, client),
  };
}

/** Where on this computer a browser may come back to. */
interface Place {
  readonly host: string;
  /** The only one that will do; any when missing. */
  readonly port?: number | undefined;
  /** Taken when any will do, unless a stranger has it. */
  readonly preferredPort?: number | undefined;
  readonly path: string;
}

type Asking = Parameters<RedirectReceiver['open']>[1];

async function open(
  parts: ReceiverParts,
  shared: SharedPorts,
  state: string,
  client: Asking,
): Promise<RedirectWait> {
  const isFixed = client?.isRedirectFixed === true;
  let arrive: (redirect: URL) => void;
  let giveUp: (error: Error) => void;
  const arrived = new Promise<URL>((resolve, reject) => {
    arrive = resolve;
    giveUp = reject;
  });
  arrived.catch(() => undefined); // Whoever waits is told; nobody waiting is no failure.

  let browser: ServerResponse | undefined;
  const take: Take = (request, response) => {
    const hosts = parts.forward === undefined ? [`${place.host}:${listener.port}`] : undefined;
    const redirect = readRedirect(request, hosts, place.path, state);
    if (redirect === undefined || browser !== undefined) return false;
    browser = response;
    arrive(redirect);
    return true;
  };
  const { place, listener } = await listenAtFirst(shared, placesFor(client, parts.place?.()), take, isFixed);
  const own = `http://${place.host}:${listener.port}${place.path}`;
  let redirectUri = own;
  try {
    if (parts.forward !== undefined && !isFixed) redirectUri = await parts.forward(own);
  } catch (error) {
    listener.close(true);
    throw error;
  }

  return {
    redirectUri,
    registrableUri:
      place.port === undefined && redirectUri === own ? `http://${place.host}${place.path}` : redirectUri,
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

/** The places that will do, in the order in which they are tried; never empty. */
function placesFor(client: Asking, wanted = { host: '127.0.0.1', port: 0 }): readonly Place[] {
  const { redirectUri, otherRedirectUris = [], isRedirectFixed = false } = client ?? {};
  const registered = [redirectUri, ...otherRedirectUris].flatMap((uri) => placeOf(uri, isRedirectFixed));
  if (isRedirectFixed && registered.length > 0) return registered;
  const { host = wanted.host, port: preferredPort, path = usualPath } = registered[0] ?? {};
  return [{ host, port: wanted.port === 0 ? undefined : wanted.port, preferredPort, path }];
}

/** Where on this computer a client is registered to come back to, if it is. */
function placeOf(registered: string | undefined, isFixed: boolean): readonly Place[] {
  if (registered === undefined || !URL.canParse(registered)) return [];
  const { protocol, hostname: host, pathname: path, port } = new URL(registered);
  const isOurs =
    protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(host) && (isFixed || path === usualPath);
  return isOurs ? [{ host, port: Number(port), path }] : [];
}

/** @throws BrokerError `redirect_port_taken` when none of `places` is free */
async function listenAtFirst(
  shared: SharedPorts,
  places: readonly Place[],
  take: Take,
  isFixed: boolean,
): Promise<{ readonly place: Place; readonly listener: PortListener }> {
  let cause: unknown;
  for (const place of places) {
    const { port, preferredPort = 0 } = place;
    if (port === undefined) {
      const listening = shared.listen(preferredPort, take).catch(() => shared.listen(0, take));
      return { place, listener: await listening };
    }
    try {
      return { place, listener: await shared.listen(port, take) };
    } catch (error) {
      cause = error;
    }
  }
  const ports = places.map(({ port }) => port).join(', ');
  throw new BrokerError('redirect_port_taken', `No port is free of ${ports}.`, {
    cause,
    details: isFixed ? { registered: ports } : { port: ports },
  });
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
