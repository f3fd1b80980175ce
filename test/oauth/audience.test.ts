import assert from 'node:assert/strict';
import { Secret } from '../../src/core/secret.js';
import { elsewhere } from '../../src/oauth/audience.js';

const resource = 'https://mcp.example.com/mcp';

const jwt = (claims: unknown) =>
  new Secret(
    ['{"alg":"none"}', JSON.stringify(claims), 's']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.'),
  );

describe('an access token that says what it is for', () => {
  const fine: readonly unknown[] = [
    { aud: resource },
    { aud: `${resource}/` },
    { aud: 'https://mcp.example.com' },
    { aud: ['https://other.example.com', resource] },
    { aud: 'api://0c5f' },
    { aud: ['https://other.example.com', 'account'] },
    { aud: [] },
    { aud: 7 },
    {},
    null,
    'text',
  ];
  for (const claims of fine)
    it(`is fine: ${JSON.stringify(claims)}`, () => {
      assert.equal(elsewhere(jwt(claims), resource), undefined);
    });

  it('is for something else when it names only other addresses', () => {
    for (const aud of [
      'https://other.example.com/mcp',
      'https://mcp.example.com/other',
      'http://mcp.example.com/mcp',
    ])
      assert.equal(elsewhere(jwt({ aud }), resource), aud);
    const both = { aud: ['https://a.example.com', 'https://b.example.com'] };
    assert.equal(elsewhere(jwt(both), resource), 'https://a.example.com https://b.example.com');
  });

  it('is not judged when it is no JWT, and no text of it is repeated', () => {
    for (const token of ['opaque', 'a.b', 'a.b.c', 'ü.ü.ü', ''])
      assert.equal(elsewhere(new Secret(token), resource), undefined);
    assert.ok(
      (elsewhere(jwt({ aud: `https://x.example.com/${'y'.repeat(9_000)}` }), resource) ?? '').length <= 200,
    );
  });
});
