import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { listen } from '../support/listener.js';
import { useGround, serversSetting } from '../support/ground.js';
import { ping, rawRequest } from '../support/raw-request.js';

/**
 * Definitions outlive a window: the editor stores them, and an agent's process may still hold one. Whoever listens on
 * the port of a dead window is sent what is in them, so it must be worth nothing by then.
 */
describe('a stranger on the port of a window that has died', () => {
  const ground = useGround();

  it('hears a capability that opens nothing, neither there nor in the next window', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const user = serversSetting([resource]);
    const { window } = ground.window({ user });
    await window.signIn();
    const cached = await window.definition('tickets');
    await window.close();

    const heard: IncomingMessage['headers'][] = [];
    const stranger = await listen('127.0.0.1', Number(new URL(cached.url).port));
    stranger.serve((req, res) => {
      heard.push(req.headers);
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await rawRequest(cached.url, { headers: cached.headers, body: ping });
    await stranger.close();
    assert.equal(heard.length, 1);
    const [stolen] = heard;
    for (const secret of issuer.issuedSecrets) assert.ok(!JSON.stringify(stolen).includes(secret));

    const again = ground.window({ user, stores: window.stores, browse: undefined }).window;
    await again.ready;
    const fresh = await again.definition('tickets');
    const authorization = String(stolen?.authorization);
    assert.notEqual(fresh.headers['Authorization'], authorization);
    const tried = await rawRequest(fresh.url, { headers: { authorization }, body: ping });
    assert.deepEqual([tried.status, tried.body], [404, '']);
    assert.deepEqual(resource.authorized, []);
    assert.equal((await rawRequest(fresh.url, { headers: fresh.headers, body: ping })).status, 200);
  });

  it('cannot come between while the window lives: the port is its own', async () => {
    const { url } = await ground.signedInForScripted();
    await assert.rejects(listen('127.0.0.1', Number(new URL(url).port)), { code: 'EADDRINUSE' });
  });
});
