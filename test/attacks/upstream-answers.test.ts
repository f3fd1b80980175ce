import assert from 'node:assert/strict';
import { listen } from '../support/listener.js';
import { useGround } from '../support/ground.js';
import { callOf, ping, rawRequest } from '../support/raw-request.js';
import { answerRpc } from '../support/scripted-resource.js';

describe('what an MCP server answers', () => {
  const ground = useGround();

  it('brings the caller neither cookies nor challenges', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    resource.handle = (_req, res, body) =>
      answerRpc(
        res,
        body,
        {},
        {
          'set-cookie': ['a=1', 'b=2'],
          'www-authenticate': 'Bearer realm="sign in here"',
          'proxy-authenticate': 'Basic',
          connection: 'x-hop',
          'x-hop': 'one',
          'x-end-to-end': 'two',
        },
      );
    const answer = await rawRequest(url, { headers, body: ping });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-end-to-end'], 'two');
    for (const name of ['set-cookie', 'www-authenticate', 'proxy-authenticate', 'x-hop']) {
      assert.equal(answer.headers[name], undefined, name);
    }
  });

  for (const status of [401, 403, 301, 302, 303, 307, 308, 300]) {
    it(`does not reach the caller when it is ${status}, which would start the editor’s own sign-in or lead it away`, async () => {
      const { resource, url, headers, window } = await ground.signedInForScripted();
      // Whoever asks for permissions gets them once, and is not believed again.
      const allow = async () =>
        (await window.editor.window.message(/needs more permissions/)).press('Allow…');
      if (status === 403) void allow();
      resource.handle = (_req, res) =>
        void res
          .writeHead(status, {
            'www-authenticate': 'Bearer error="insufficient_scope", scope="admin"',
            location: 'https://evil.example.com/mcp',
          })
          .end('no');
      for (const [method, body, expected] of [
        ['POST', callOf('whoami'), 200],
        ['POST', ping, 200],
        ['POST', JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }), 202],
        ['GET', '', 405],
        ['DELETE', '', 204],
      ] as const) {
        const answer = await rawRequest(url, { method, headers, body });
        assert.equal(answer.status, expected, `${method} ${body}`);
        assert.equal(answer.headers['www-authenticate'], undefined);
        assert.equal(answer.headers['location'], undefined);
      }
    });
  }

  it('is not followed to another origin, and no token goes there', async () => {
    const { resource, url, headers, window } = await ground.signedInForScripted();
    const elsewhere = await listen('127.0.0.1');
    ground.atEnd(() => elsewhere.close());
    const strangers: unknown[] = [];
    elsewhere.serve((req, res) => {
      strangers.push(req.headers);
      res.end();
    });
    resource.handle = (_req, res) => void res.writeHead(307, { location: `${elsewhere.origin}/mcp` }).end();
    const { body } = await rawRequest(url, { headers, body: callOf('whoami') });
    assert.match(body, /"isError":true/);
    assert.match(body, /redirects calls to .*If you trust that address, set it as/);
    assert.deepEqual(strangers, []);
    assert.equal(window.editor.opened.length, 1);
  });
});
