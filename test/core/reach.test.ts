import assert from 'node:assert/strict';
import { reaches, tokenOrigin, type Reach } from '../../src/core/reach.js';

describe('where a token may go', () => {
  const origins: Reach = {
    kind: 'origins',
    patterns: ['https://*.googleapis.com'],
    origins: ['https://mcp.example.com', 'http://127.0.0.1:8000'],
  };
  const rows: readonly (readonly [address: string, isReached: boolean])[] = [
    ['https://gmailmcp.googleapis.com/mcp/v1', true],
    ['https://bigquery.googleapis.com/mcp', true],
    ['https://GMAILMCP.googleapis.com:443/mcp/v1', true],
    ['https://a.b.googleapis.com/', true],
    ['https://mcp.example.com/any/path?query', true],
    ['http://127.0.0.1:8000/mcp', true],
    ['https://googleapis.com/', false],
    ['https://.googleapis.com/', false],
    ['https://googleapis.com.evil.example/mcp', false],
    ['https://gmailmcp.googleapis.com.evil.example/mcp', false],
    ['https://evilgoogleapis.com/mcp', false],
    ['https://evil-googleapis.com/mcp', false],
    ['https://googleapis.com@evil.example/mcp', false],
    ['https://evil.example/.googleapis.com', false],
    ['https://evil.example#.googleapis.com', false],
    ['https://evil.example?.googleapis.com', false],
    ['https://gmailmcp.googleapis.com:8443/mcp', false],
    ['https://gmailmcp.googleapis.com./mcp', false],
    ['https://gmailmcp.googleapis。com.evil.example/mcp', false],
    ['http://gmailmcp.googleapis.com/mcp/v1', false],
    ['ws://gmailmcp.googleapis.com/mcp/v1', false],
    ['https://sub.mcp.example.com/', false],
    ['https://mcp.example.com:8443/', false],
    ['http://mcp.example.com/', false],
    ['http://127.0.0.1:8001/mcp', false],
    ['http://localhost:8000/mcp', false],
    ['not an address', false],
  ];
  for (const [address, isReached] of rows) {
    it(`${isReached ? 'reaches' : 'does not reach'} ${address}`, () =>
      assert.equal(reaches(origins, address), isReached));
  }

  it('is nowhere that is not encrypted, even if it was allowed', () => {
    assert.equal(
      reaches(
        { kind: 'origins', patterns: [], origins: ['http://mcp.example.com'] },
        'http://mcp.example.com/',
      ),
      false,
    );
    assert.equal(tokenOrigin('http://mcp.example.com/'), undefined);
  });

  it('is one origin when the user has allowed it, though it reads like a pattern', () => {
    const reach: Reach = { kind: 'origins', patterns: [], origins: ['https://*.run.app'] };
    for (const address of ['https://evil.run.app/mcp', 'https://*.run.app/mcp', 'https://%2a.run.app/mcp'])
      assert.equal(reaches(reach, address), false, address);
    assert.equal(tokenOrigin('https://*.run.app/mcp'), undefined);
  });

  it('is the resource that it names', () => {
    const reach: Reach = { kind: 'resource', resource: 'https://mcp.example.com/a' };
    assert.ok(reaches(reach, 'https://mcp.example.com/a/b'));
    assert.ok(!reaches(reach, 'https://mcp.example.com/ab'));
  });
});
