import {
  globalAgent as globalHttpAgent,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { globalAgent as globalHttpsAgent, Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { isUntrustedCertificate } from '../../core/certificate.js';
import { BrokerError } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import type { Secret } from '../../core/secret.js';
import type { Body } from './body.js';

/** One request to an MCP server. */
export interface UpstreamRequest {
  /** Is not changed any more. */
  readonly url: URL;
  readonly method: string;
  /** Flat name and value pairs, without a credential. */
  readonly headers: readonly string[];
  readonly body: Body;
  readonly signal: AbortSignal;
}

/** What a request is sent with. */
export interface UpstreamCredential {
  readonly token: Secret;
  /** The proof that goes with a bound token; a bearer token has none. */
  readonly proof?: string;
}

/**
 * For so long a connection is taken for a good one that nothing was heard on. When the computer slept, came into another
 * network or behind a firewall that forgets, nobody says that it is none any more, and a call on it would wait for
 * minutes.
 */
const idleLimitMs = 60_000;

/** No call has to look at all connections just after another one did. */
const lookEveryMs = 1_000;

/** Connections to MCP servers, kept open between calls. */
export class Upstream {
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https = new HttpsAgent({ keepAlive: true });
  /** Nearly every call goes to an address that one before it went to. */
  readonly #addresses = new WeakMap<URL, Address>();
  /** When the last answer on a connection ended, in milliseconds since the epoch. */
  readonly #heardAtMs = new WeakMap<Socket, number>();

  constructor(private readonly clock: Pick<Clock, 'nowMs'>) {}

  /**
   * Sends one request with its token.
   * @returns the answer as soon as its headers are there
   * @throws BrokerError `server_unreachable`, `tls_untrusted`; or the signal's reason
   */
  send(
    { url, method, headers, body, signal }: UpstreamRequest,
    { token, proof }: UpstreamCredential,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const length = framing(method, body.length);
      const credential =
        proof === undefined
          ? ['authorization', `Bearer ${token.reveal()}`]
          : ['authorization', `DPoP ${token.reveal()}`, 'dpop', proof];
      const lasting = headers.includes('connection') ? [] : keptOpen;
      const address = this.#address(url);
      const { host, isEncrypted, options } = address;
      const nowMs = this.clock.nowMs();
      if (nowMs - address.lookedAtMs > lookEveryMs) this.#closeStale(address, nowMs);
      const all = ['host', host, ...headers, ...lasting, ...credential, ...length];
      const outgoing = (isEncrypted ? httpsRequest : httpRequest)({
        ...options,
        method,
        headers: all,
        agent: isEncrypted ? this.#https : this.#http,
      });
      let isAnswered = false;
      outgoing.on('response', (answer) => {
        isAnswered = true;
        resolve(answer);
      });
      // Not sent again by us: the server may have acted on it before the connection broke.
      outgoing.on('error', (error) =>
        reject(signal.aborted ? (signal.reason as Error) : unreachable(url, error)),
      );
      const hangUp = () => outgoing.destroy();
      signal.addEventListener('abort', hangUp);
      outgoing.on('close', () => {
        signal.removeEventListener('abort', hangUp);
        // From now on it waits for the next request, if it stays.
        if (outgoing.socket !== null) this.#heardAtMs.set(outgoing.socket, this.clock.nowMs());
        // An answer that is none, such as 101, ends a request without one and without an error.
        if (!isAnswered) reject(unreachable(url, new Error('It was closed without an answer.')));
      });
      body.sendTo(outgoing);
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #address(url: URL): Address {
    let address = this.#addresses.get(url);
    if (address === undefined) this.#addresses.set(url, (address = addressOf(url)));
    return address;
  }

  /**
   * Leaves no connection for the next request that may be none any more. The editor keeps what goes past its HTTP proxy in
   * the agents that are everybody's; when others have used one there, nobody here knows.
   */
  #closeStale(address: Address, nowMs: number): void {
    address.lookedAtMs = nowMs;
    const { isEncrypted, pool } = address;
    const isStale = (socket: Socket) => nowMs - (this.#heardAtMs.get(socket) ?? 0) > idleLimitMs;
    for (const { freeSockets } of isEncrypted
      ? [this.#https, globalHttpsAgent]
      : [this.#http, globalHttpAgent]) {
      for (const name in freeSockets) {
        if (!name.startsWith(pool)) continue;
        // In the order in which they became free. An agent passes over closed ones at the beginning alone.
        const sockets = freeSockets[name] ?? [];
        for (const socket of sockets.slice(0, sockets.findLastIndex(isStale) + 1)) socket.destroy();
      }
    }
  }
}

/** An address as Node's client wants it. */
interface Address {
  readonly host: string;
  readonly isEncrypted: boolean;
  readonly options: Pick<RequestOptions, 'protocol' | 'hostname' | 'port' | 'path'>;
  /** With what the names begin under which agents keep its connections (Node, `agent.getName`). */
  readonly pool: string;
  /** When its connections were looked at, in milliseconds since the epoch. */
  lookedAtMs: number;
}

function addressOf({ protocol, host, hostname: written, port, pathname, search }: URL): Address {
  const isEncrypted = protocol === 'https:';
  const hostname = written.replace(/^\[|\]$/g, '');
  return {
    host,
    isEncrypted,
    options: { protocol, hostname, port, path: `${pathname}${search}` },
    pool: `${hostname}:${port === '' ? (isEncrypted ? 443 : 80) : port}:`,
    lookedAtMs: 0,
  };
}

/**
 * The editor puts an agent of its own in the place of ours, of which Node believes that it keeps no connection unless
 * the request says so; every call would then begin with a new one, and a handshake.
 */
const keptOpen = ['connection', 'keep-alive'];

/** What says where a body ends (RFC 9112 §6.3): nothing where there is none and none is expected (RFC 9110 §8.6). */
function framing(method: string, length: number | undefined): readonly string[] {
  if (length === undefined) return ['transfer-encoding', 'chunked'];
  return length === 0 && method !== 'POST' ? [] : ['content-length', String(length)];
}

function unreachable(url: URL, cause: unknown): BrokerError {
  const details = { host: url.host };
  return isUntrustedCertificate(cause)
    ? new BrokerError('tls_untrusted', `The certificate of ${url.host} is not trusted.`, { cause, details })
    : new BrokerError('server_unreachable', `No answer from ${url.host}.`, { cause, details });
}
