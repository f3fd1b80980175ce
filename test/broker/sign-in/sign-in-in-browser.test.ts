import assert from 'node:assert/strict';
import type { Client } from '../../../src/core/client.js';
import { mayReturnTo } from '../../../src/broker/sign-in/sign-in-in-browser.js';

const dynamic: Client = {
  issuer: 'https://as.example.com',
  clientId: 'c',
  authMethod: 'none',
  source: 'dynamic',
};

describe('a client comes back to where it is registered', () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['http://127.0.0.1:1/callback', 'http://127.0.0.1:2/callback', true],
    ['http://127.0.0.1:1/callback', 'http://localhost:1/callback', false],
    ['http://127.0.0.1:1/callback', 'http://127.0.0.1:1/proxy/1/callback', false],
    ['http://127.0.0.1:1/callback?a=1', 'http://127.0.0.1:1/callback?a=2', false],
    ['https://a.example.com/callback', 'https://a.example.com/callback', true],
    ['https://a.example.com/callback', 'https://a.example.com:444/callback', false],
    ['vscode://a.b/callback', 'vscode://a.b/callback', true],
    ['vscode://a.b/callback', 'http://127.0.0.1:1/callback', false],
  ];
  for (const [registered, now, expected] of rows)
    it(`${registered} → ${now}: ${expected ? 'as it is' : 'registered anew'} (RFC 8252 §7.3)`, () => {
      assert.equal(mayReturnTo({ ...dynamic, redirectUri: registered }, now), expected);
      assert.equal(mayReturnTo({ ...dynamic, source: 'configured', redirectUri: registered }, now), true);
    });

  it('and registers anew when it was registered for device codes alone', () => {
    assert.equal(mayReturnTo(dynamic, 'http://127.0.0.1:1/callback'), false);
  });
});
