import { lookup as systemLookup } from 'node:dns';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { BrokerError } from '../core/errors.js';
import type { Fetch, FetchInit } from '../core/ports.js';
import { literalAddress, mayLead, reachOf as reachOfAddress, type Reach } from './reach.js';

/** The most public first. Link-local comes last: it leads to where nothing else does. */
const fromPublic: readonly Reach[] = ['public', 'private', 'loopback', 'link-local'];

/** @throws BrokerError `network_refused` */
type Judge = (address: string) => void;

/**
 * Requests that lead into no more private network than whoever named their address is in. It is judged by the address
 * that is connected to, at the moment of connecting: a name may mean something else a second later.
 *
 * The requests are those of Node's `http` and `https`, behind which the editor has put its proxy and its certificates.
 * Where a proxy connects, nobody here learns to which address; then only addresses that stand in the URL are judged.
 */
export class Web {
  /** How private the network was in which each origin has answered last. */
  readonly #reached = new Map<string, Reach>();

  /**
   * @param lookup - who knows the addresses of names
   * @param reachOf - how private an address is
   */
  constructor(
    private readonly lookup: LookupFunction = systemLookup,
    private readonly reachOf: (address: string) => Reach = reachOfAddress,
  ) {}

  /** Follows no redirects. @throws (from the result) BrokerError `network_refused`; whatever the connection failed of */
  readonly fetch: Fetch = async (address, init) => {
    const url = new URL(address);
    const judge = await this.#judge(url, init.namedBy);
    const literal = literalAddress(url);
    if (literal !== undefined) judge(literal);
    let isDirect = literal !== undefined;
    const answer = await send(url, init, {
      lookup: (name, options, done) =>
        this.lookup(name, options, (error, found, family) => {
          // The name of a proxy is none of ours.
          if (error !== null || name !== url.hostname) {
            done(error, found, family);
            return;
          }
          isDirect = true;
          const refusal = refusalOf(judge, found);
          if (refusal === undefined) done(null, found, family);
          else done(refusal, '');
        }),
      onReused: (connected) => {
        isDirect = true;
        judge(connected);
      },
    });
    const connected = literal ?? answer.socket.remoteAddress;
    if (isDirect && connected !== undefined) this.#reached.set(url.origin, this.reachOf(connected));
    return asResponse(answer);
  };

  /**
   * Refuses an address for the browser, as far as that can be told from here: by what its name means now.
   * @param namedBy - who named it
   * @throws BrokerError `network_refused`
   */
  async requireReach(address: string, namedBy: string): Promise<void> {
    const url = new URL(address);
    const judge = await this.#judge(url, namedBy);
    const literal = literalAddress(url);
    if (literal !== undefined) {
      judge(literal);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.lookup(url.hostname, { all: true }, (error, found) => {
        // Where only a proxy knows names, the browser will ask it, too.
        const refusal = error === null ? refusalOf(judge, found) : undefined;
        if (refusal === undefined) resolve();
        else reject(refusal);
      });
    });
  }

  async #judge(url: URL, namedBy: string | undefined): Promise<Judge> {
    if (namedBy === undefined) return () => undefined;
    const by = new URL(namedBy);
    const from = this.#reached.get(by.origin) ?? (await this.#reachOfHost(by));
    return (address) => {
      if (mayLead(from, this.reachOf(address))) return;
      throw new BrokerError('network_refused', `${by.host} may not lead to ${JSON.stringify(url.origin)}.`, {
        details: { address: url.origin, by: by.origin },
      });
    };
  }

  /** Of one that has not answered yet since the start, by what its name means; public where only a proxy knows that. */
  async #reachOfHost(url: URL): Promise<Reach> {
    const literal = literalAddress(url);
    if (literal !== undefined) return this.reachOf(literal);
    const found = await new Promise<Parameters<Parameters<LookupFunction>[2]>[1]>((resolve) => {
      this.lookup(url.hostname, { all: true }, (error, all) => resolve(error === null ? all : []));
    });
    const addresses = typeof found === 'string' ? [found] : found.map(({ address }) => address);
    const reaches = addresses.map((address) => this.reachOf(address));
    // Whoever adds an address of an inner network to their name gains nothing by it.
    return fromPublic.find((reach) => reaches.includes(reach)) ?? 'public';
  }
}

/** One address that is refused speaks against all of its name: honest names do not mix their networks. */
function refusalOf(judge: Judge, found: Parameters<Parameters<LookupFunction>[2]>[1]): Error | undefined {
  const addresses = typeof found === 'string' ? [found] : found.map(({ address }) => address);
  try {
    addresses.forEach(judge);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

interface Connecting {
  readonly lookup: LookupFunction;
  /** Called with the address of a connection that is open already, before anything is sent. Its throw ends the request. */
  readonly onReused: Judge;
}

function send(url: URL, init: FetchInit, { lookup, onReused }: Connecting): Promise<IncomingMessage> {
  const { method = 'GET', body, signal } = init;
  const headers = new Headers(init.headers);
  if (body instanceof URLSearchParams && !headers.has('content-type'))
    headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
  // Firewalls in front of web applications turn away whoever does not say what it is.
  if (!headers.has('user-agent')) headers.set('user-agent', 'mcp-credential-broker');
  // Whoever says nothing gets what the server likes, and nobody here unpacks it (RFC 9110 §12.5.3).
  headers.set('accept-encoding', 'identity');
  // One that stays open may be closed by the other side just when the next request, perhaps a renewal, is on its way.
  headers.set('connection', 'close');
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const options = { method, headers: Object.fromEntries(headers), lookup, ...(signal && { signal }) };
    const outgoing: ClientRequest = request(url, options);
    outgoing.on('socket', ({ remoteAddress }) => {
      if (!outgoing.reusedSocket || remoteAddress === undefined) return;
      const refusal = refusalOf(onReused, remoteAddress);
      if (refusal !== undefined) outgoing.destroy(refusal);
    });
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    // An answer that is none, such as 101, ends a request without either; after them this says nothing.
    outgoing.on('close', () => reject(new Error('The connection was closed without an answer.')));
    outgoing.end(body === undefined || body === null ? undefined : String(body as string | URLSearchParams));
  });
}

function asResponse(answer: IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(answer.headersDistinct))
    for (const value of values) headers.append(name, value);
  const { statusCode: status = 500, statusMessage: statusText = '' } = answer;
  const hasBody = ![204, 205, 304].includes(status);
  if (!hasBody) answer.resume();
  const body = hasBody ? (Readable.toWeb(answer) as ReadableStream<Uint8Array>) : null;
  return new Response(body, { status, statusText, headers });
}
