import assert from 'node:assert/strict';
import { masked } from '../../src/core/masking.js';

describe('masking of text from elsewhere', () => {
  const secret = 's3cr3t-Value_42.x~y';
  const hidden: readonly (readonly [string, string])[] = [
    ['a JWT (RFC 7519)', 'got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl here'],
    ['a JWT that was cut off', 'got eyJhbGciOiJSUzI1NiJ9'],
    ['a Bearer header (RFC 6750 §2.1)', `authorization: Bearer ${secret}`],
    ['a Basic header (RFC 7617)', 'Authorization: basic YWxpY2U6cGFzc3dvcmQ='],
    ['a DPoP header (RFC 9449)', `DPoP ${secret}`],
    ['a form field (RFC 6749 §4.1.3)', `grant_type=x&code=${secret}&refresh_token=${secret}`],
    ['a JSON member (RFC 6749 §5.1)', `{"access_token": "${secret}", "id_token":"${secret}"}`],
    ['a client secret (RFC 7591 §3.2.1)', `client_secret: '${secret}'`],
    ['a verifier (RFC 7636 §4.5)', `code_verifier=${secret}`],
  ];
  for (const [what, text] of hidden) {
    it(`hides ${what}`, () => {
      const result = masked(text);
      assert.match(result, /\[redacted\]/);
      for (const part of [secret, 'eyJ', 'YWxpY2U6']) assert.ok(!result.includes(part), result);
    });
  }

  it('hides a token behind more text than anybody reads by cutting that', () => {
    const result = masked(`${'a '.repeat(100_000)}Bearer ${secret}`);
    assert.ok(result.length < 30_000 && !result.includes(secret));
  });

  it('leaves what surrounds a token, and text without one', () => {
    assert.equal(masked(`POST with Bearer ${secret}, twice`), 'POST with Bearer [redacted], twice');
    const plain = 'issuer_unreachable: "No answer from as.example.com." ← AggregateError: "ECONNREFUSED"';
    assert.equal(masked(plain), plain);
  });
});
