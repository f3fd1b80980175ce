import assert from 'node:assert/strict';
import { mayServe, serves } from '../../../src/broker/sign-in/registration-use.js';
import type { Client } from '../../../src/core/client.js';

const dynamic: Client = {
  issuer: 'https://as.example.com',
  clientId: 'c',
  authMethod: 'none',
  source: 'dynamic',
};
const anywhere = { redirectUri: undefined, scopes: [], nowMs: 1000 };

type Row = readonly [registered: string, now: string, serves: boolean, may: boolean];

describe('a client comes back to where it is registered', () => {
  const rows: readonly Row[] = [
    ['http://127.0.0.1:1/callback', 'http://127.0.0.1:1/callback', true, true],
    ['http://127.0.0.1:1/callback', 'http://127.0.0.1:2/callback', false, true],
    ['http://127.0.0.1:1/callback', 'http://localhost:1/callback', false, false],
    ['http://127.0.0.1:1/callback', 'http://127.0.0.1:1/proxy/1/callback', false, false],
    ['http://127.0.0.1:1/callback?a=1', 'http://127.0.0.1:1/callback?a=2', false, false],
    ['https://a.example.com/callback', 'https://a.example.com/callback', true, true],
    ['https://a.example.com/callback', 'https://a.example.com:444/callback', false, false],
    ['vscode://a.b/callback', 'vscode://a.b/callback', true, true],
    ['vscode://a.b/callback', 'http://127.0.0.1:1/callback', false, false],
  ];
  for (const [registered, now, isServing, may] of rows) {
    const where = isServing ? 'as it is' : may ? 'as it is where no other can be had' : 'registered anew';
    it(`${registered} → ${now}: ${where} (RFC 8252 §7.3)`, () => {
      const use = { ...anywhere, redirectUri: now };
      const client = { ...dynamic, redirectUri: registered };
      assert.deepEqual([serves(client, use), mayServe(client, use)], [isServing, may]);
      const typed: Client = { ...client, source: 'configured' };
      assert.deepEqual([serves(typed, use), mayServe(typed, use)], [true, true]);
    });
  }

  it('and registers anew when it was registered for device codes alone', () => {
    const use = { ...anywhere, redirectUri: 'http://127.0.0.1:1/callback' };
    assert.deepEqual([serves(dynamic, use), mayServe(dynamic, use)], [false, false]);
    assert.ok(serves(dynamic, anywhere));
  });
});

it('a client asks for what it has registered, and for anything where it has registered no scopes', () => {
  const use = { ...anywhere, scopes: ['a', 'b'] };
  assert.ok(serves({ ...dynamic, scopes: ['a', 'b', 'c'] }, use));
  assert.ok(serves(dynamic, use));
  for (const scopes of [['a'], []]) {
    assert.ok(!serves({ ...dynamic, scopes }, use));
    assert.ok(mayServe({ ...dynamic, scopes }, use));
  }
});

it('a client whose secret has ended serves for nothing (RFC 7591 §3.2.1)', () => {
  const ending = (secretEndsAtMs: number): Client => ({ ...dynamic, secretEndsAtMs });
  assert.deepEqual([serves(ending(1001), anywhere), mayServe(ending(1001), anywhere)], [true, true]);
  assert.deepEqual([serves(ending(1000), anywhere), mayServe(ending(1000), anywhere)], [false, false]);
});
