import assert from 'node:assert/strict';
import { errorIn, useProxy } from '../support/proxy-rig.js';
import { useGround } from '../support/ground.js';

describe('a token that would end its header and begin another', () => {
  const rig = useProxy();

  for (const [what, token] of Object.entries({
    'a line break': 'token\r\nX-Admin: yes',
    'a line feed': 'token\nX-Admin: yes',
    'a carriage return': 'token\rX-Admin: yes',
    'a null': 'token\0X-Admin: yes',
    'the end of the head and a second request': 'token\r\n\r\nPOST /admin HTTP/1.1\r\nHost: x\r\n\r\n',
    'a letter that becomes a line break in one byte': 'token\u010dX-Admin: yes\u010a',
  })) {
    it(`sends nothing, and says nothing of it: ${what}`, async () => {
      rig.tokens.answers = [token];
      const answer = await rig.send();
      assert.equal(errorIn(answer), 'result');
      assert.deepEqual(rig.seen, []);
      assert.doesNotMatch(rig.log.text + answer.text, /X-Admin|\/admin/);
    });
  }
});

describe('a token answer with such a token', () => {
  const ground = useGround();

  it('is no token answer', async () => {
    const { issuer, window, resource, url, headers } = await ground.signedInForScripted();
    issuer.failNext('token', {
      status: 200,
      body: { access_token: 'token\r\nX-Admin: yes', token_type: 'Bearer', expires_in: 60 },
    });
    window.clock.leap(55_000);
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    await answer.text();
    for (const { headers: seen } of resource.authorized) assert.equal(seen['x-admin'], undefined);
    assert.doesNotMatch(window.remains, /X-Admin/);
  });
});
