import assert from 'node:assert/strict';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { askWhoItIs } from '../../src/oauth/userinfo.js';
import { listen } from '../support/listener.js';

const issuer = 'https://accounts.google.com';

describe('asking the issuer who somebody is', () => {
  async function ask(status: number, body: string) {
    const listener = await listen('127.0.0.1');
    let authorization: string | undefined;
    listener.serve((req, res) => {
      ({ authorization } = req.headers);
      res.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    const server = { issuer, userinfo_endpoint: `${listener.origin}/userinfo` };
    try {
      const account = await askWhoItIs((url, init) => fetch(url, init), server, new Secret('token-1'));
      return { account, authorization };
    } finally {
      await listener.close();
    }
  }

  it('brings the account that the token speaks for', async () => {
    const { account, authorization } = await ask(
      200,
      '{"sub":"1","email":"alice@example.com","email_verified":true}',
    );
    assert.deepEqual(account, { issuer, subject: '1', label: 'alice@example.com' });
    assert.equal(authorization, 'Bearer token-1');
  });

  for (const claims of [
    { email: 'alice@example.com', email_verified: false },
    { email: 'alice@example.com', email_verified: 'false' },
    { email: 'alice@example.com' },
    { name: 'alice@example.com', preferred_username: 'alice@example.com' },
  ]) {
    it(`calls nobody by what is not verified: ${JSON.stringify(claims)}`, async () => {
      const { account } = await ask(200, JSON.stringify({ sub: '1', ...claims }));
      assert.deepEqual(account, { issuer, subject: '1', label: '1' });
    });
  }

  for (const [status, body] of [
    [401, '{}'],
    [200, '{"email":"alice@example.com"}'],
    [200, '<html>'],
    [200, '[]'],
    [403, '{"sub":"1"}'],
  ] as const) {
    it(`brings nobody from ${status} ${body}`, () =>
      assert.rejects(ask(status, body), (error) => hasCode(error, 'identity_missing')));
  }

  it('asks nobody where there is nobody to ask', () =>
    assert.rejects(
      askWhoItIs((url, init) => fetch(url, init), { issuer }, new Secret('token-1')),
      (error) => hasCode(error, 'identity_missing'),
    ));
});
