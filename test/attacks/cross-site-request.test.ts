import assert from 'node:assert/strict';
import { useGround } from '../support/ground.js';
import { ping, rawRequest } from '../support/raw-request.js';

describe('a request that a web page makes across sites', () => {
  const ground = useGround();

  for (const [name, marks] of Object.entries({
    'an origin': { origin: 'https://evil.example.com' },
    'an opaque origin': { origin: 'null' },
    'our own origin': { origin: 'http://127.0.0.1' },
    'fetch metadata, cross-site': { 'sec-fetch-site': 'cross-site' },
    'fetch metadata, same-site': { 'sec-fetch-site': 'same-site' },
    'fetch metadata of a typed address': { 'sec-fetch-site': 'none' },
  })) {
    it(`is turned away by ${name}`, async () => {
      const { resource, url, headers } = await ground.signedInForScripted();
      for (const method of ['POST', 'GET', 'DELETE']) {
        const answer = await rawRequest(url, { method, headers: { ...headers, ...marks }, body: ping });
        assert.deepEqual([answer.status, answer.body], [404, '']);
      }
      assert.deepEqual(resource.authorized, []);
    });
  }

  it('gets no leave from a preflight either: there is no CORS', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    resource.handle = (_req, res) => void res.writeHead(200, { 'access-control-allow-origin': '*' }).end();
    const preflight = await rawRequest(url, {
      method: 'OPTIONS',
      headers: {
        ...headers,
        origin: 'https://evil.example.com',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    assert.equal(preflight.status, 404);
    const cors = Object.keys(preflight.headers).filter((name) => name.startsWith('access-control-'));
    assert.deepEqual(cors, []);
    assert.deepEqual(resource.authorized, []);
  });
});
