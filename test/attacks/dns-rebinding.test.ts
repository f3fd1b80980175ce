import assert from 'node:assert/strict';
import { useGround } from '../support/ground.js';
import { ping, rawRequest } from '../support/raw-request.js';

describe('DNS rebinding: a page whose name points at this computer', () => {
  const ground = useGround();

  it('reaches nothing, even if it had the capability', async () => {
    const { window, resource, url, headers } = await ground.signedInForScripted();
    const { port } = new URL(url);
    const names = [
      'evil.example.com',
      `evil.example.com:${port}`,
      `localhost:${port}`,
      '127.0.0.1',
      `[::1]:${port}`,
      `127.0.0.1:${port}.`,
    ];
    for (const host of names) {
      const answer = await rawRequest(url, { headers: { ...headers, host }, body: ping });
      assert.deepEqual([answer.status, answer.body], [404, ''], host);
    }
    assert.deepEqual(resource.authorized, []);
    assert.equal((await rawRequest(url, { headers, body: ping })).status, 200);
    assert.equal(window.editor.opened.length, 1);
  });
});
