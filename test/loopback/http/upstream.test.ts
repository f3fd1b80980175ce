import assert from 'node:assert/strict';
import http, { Agent, createServer, type ClientRequest, type RequestOptions } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../../src/core/secret.js';
import { wholeBody } from '../../../src/loopback/http/body.js';
import { Upstream } from '../../../src/loopback/http/upstream.js';

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

  for (const [where, client] of [
    ['by itself', request],
    ['behind the editor’s own agent', editors],
  ] as const)
    it(`is kept from call to call ${where}`, async () => {
      patch(client);
      const connections = new Set<number | undefined>();
      const server = createServer((incoming, response) => {
        connections.add(incoming.socket.remotePort);
        incoming.resume().on('end', () => response.end('done'));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
      const upstream = new Upstream();
      const [token, body] = [new Secret('token'), wholeBody(Buffer.from('{}'))];
      const { signal } = new AbortController();
      for (let call = 0; call < 3; call++) {
        const answer = await upstream.send({ url, method: 'POST', headers: [], body, signal }, { token });
        assert.deepEqual(await answer.toArray(), [Buffer.from('done')]);
        // The connection is free when everything of this turn is over.
        await new Promise((resolve) => setImmediate(resolve));
      }
      upstream.close();
      server.close();
      server.closeAllConnections();
      assert.equal(connections.size, 1);
    });
});
