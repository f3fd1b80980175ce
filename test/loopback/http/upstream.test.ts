import assert from 'node:assert/strict';
import http, { Agent, createServer, type ClientRequest, type RequestOptions, type Server } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import {
  connect,
  createServer as createNetServer,
  type AddressInfo,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import { Secret } from '../../../src/core/secret.js';
import { wholeBody } from '../../../src/loopback/http/body.js';
import { Upstream } from '../../../src/loopback/http/upstream.js';
import { FakeClock } from '../../support/fake-clock.js';

/** What the editor puts in the place of every agent: it chooses another one for each request, and keeps nothing itself. */
class ChoosingAgent extends Agent {
  addRequest(request: ClientRequest, options: RequestOptions): void {
    (http.globalAgent as unknown as ChoosingAgent).addRequest(request, options);
  }
}

describe('the connection to a server', () => {
  const { request } = http;
  const editors = ((options: RequestOptions) =>
    request({ ...options, agent: new ChoosingAgent() })) as typeof request;

  function patch(with_: typeof request): void {
    http.request = with_;
    syncBuiltinESMExports();
  }
  afterEach(() => patch(request));

  let server: Server;
  let url: URL;
  let clock: FakeClock;
  let upstream: Upstream;
  /** By the port at the other end; undefined for none. */
  let connections: Set<number | undefined>;
  let answering: () => Promise<void>;

  beforeEach(async () => {
    connections = new Set();
    answering = () => Promise.resolve();
    server = createServer((incoming, response) => {
      connections.add(incoming.socket.remotePort);
      incoming.resume().on('end', () => void answering().then(() => response.end('done')));
    });
    // Closes none by itself.
    server.keepAliveTimeout = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
    clock = new FakeClock();
    upstream = new Upstream(clock);
  });
  afterEach(() => {
    upstream.close();
    server.close();
    server.closeAllConnections();
  });

  async function call(to = url): Promise<void> {
    const [token, body] = [new Secret('token'), wholeBody(Buffer.from('{}'))];
    const { signal } = new AbortController();
    const answer = await upstream.send({ url: to, method: 'POST', headers: [], body, signal }, { token });
    assert.deepEqual(await answer.toArray(), [Buffer.from('done')]);
    // The connection is free when everything of this turn is over.
    await new Promise((resolve) => setImmediate(resolve));
  }

  for (const [where, client] of [
    ['by itself', request],
    ['behind the editor’s own agent', editors],
  ] as const)
    describe(where, () => {
      beforeEach(() => patch(client));

      it('is kept from call to call', async () => {
        for (let n = 0; n < 3; n++) await call();
        clock.advance(60_000);
        await call();
        assert.equal(connections.size, 1);
      });

      it('is kept where a server redirects every call, each time to an address that is read anew', async () => {
        for (let n = 0; n < 3; n++) await call(new URL(url));
        assert.equal(connections.size, 1);
      });

      it('is kept after a call that has taken longer than a minute', async () => {
        answering = () => {
          clock.sleep(60_001);
          return Promise.resolve();
        };
        for (let n = 0; n < 3; n++) await call();
        assert.equal(connections.size, 1);
      });

      it('is made anew also beside one that is used all the time', async () => {
        const both = new Promise<void>((resolve) => {
          answering = () => {
            if (connections.size === 2) resolve();
            return both;
          };
        });
        await Promise.all([call(), call()]);
        const used = new Set(connections);
        answering = () => Promise.resolve();
        for (let n = 0; n < 3; n++) {
          clock.sleep(30_000);
          await call();
        }
        assert.deepEqual(connections, used);
        await Promise.all([call(), call()]);
        assert.equal(connections.size, 3);
      });

      it('is made anew when nobody has heard of it for a minute, since it may be dead by then', async () => {
        await call();
        // A computer that sleeps, a network that is another one: nobody says that the connection is none any more.
        const relay = await Relay.to(url);
        const behind = new URL(`http://127.0.0.1:${relay.port}/mcp`);
        await call(behind);
        relay.forget();
        clock.sleep(60_001);
        await call(behind);
        assert.equal(connections.size, 3);
        relay.close();
      });
    });
});

/** Forwards what is sent to it; what it forgets is neither forwarded nor closed. */
class Relay {
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly server: NetServer) {}

  static async to({ port, hostname }: URL): Promise<Relay> {
    const server = createNetServer();
    const relay = new Relay(server);
    server.on('connection', (near) => {
      const far = connect(Number(port), hostname);
      for (const socket of [near, far]) relay.#sockets.add(socket.on('error', () => undefined));
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Everything that is open now. */
  forget(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
