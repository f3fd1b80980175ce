import assert from 'node:assert/strict';
import {
  forwardedRequestHeaders,
  forwardedResponseHeaders,
  withHeader,
} from '../../../src/loopback/http/headers.js';

describe('the headers of a request', () => {
  const dropped = [
    ['Host', 'our own address'],
    ['Authorization', 'our capability'],
    ['Proxy-Authorization', 'a credential for us'],
    ['Cookie', 'what belongs to 127.0.0.1, where others live too'],
    ['Origin', 'where a page was'],
    ['Referer', 'where a page was'],
    ['Content-Length', 'a length that is counted anew'],
    ['Expect', 'a question that has been answered'],
    ['Connection', 'one hop (RFC 9110 §7.6.1)'],
    ['Keep-Alive', 'one hop (RFC 9110 §7.6.1)'],
    ['Proxy-Connection', 'one hop (RFC 9110 §7.6.1)'],
    ['TE', 'one hop (RFC 9110 §10.1.4)'],
    ['Trailer', 'one hop (RFC 9110 §6.6.2)'],
    ['Transfer-Encoding', 'one hop (RFC 9112 §6.1)'],
    ['Upgrade', 'one hop (RFC 9110 §7.8)'],
  ] as const;
  for (const [name, why] of dropped) {
    it(`lose ${name}: ${why}`, () => {
      const raw = ['Accept', 'a', name, 'b', name.toUpperCase(), 'c', 'X-Last', 'd'];
      assert.deepEqual(forwardedRequestHeaders(raw), ['Accept', 'a', 'X-Last', 'd']);
    });
  }

  it('lose what Connection names (RFC 9110 §7.6.1)', () => {
    const raw = [
      'Connection',
      'close, X-Hop ',
      'connection',
      'x-other',
      'x-hop',
      '1',
      'X-Other',
      '2',
      'X-Kept',
      '3',
    ];
    assert.deepEqual(forwardedRequestHeaders(raw), ['X-Kept', '3']);
  });

  it('keep their order, their letters and their duplicates (RFC 9110 §5.3)', () => {
    const raw = [
      'Accept',
      'a',
      'X-Trace',
      '1',
      'MCP-Protocol-Version',
      '2025-11-25',
      'x-trace',
      '2',
      'Mcp-Session-Id',
      's',
    ];
    assert.deepEqual(forwardedRequestHeaders(raw), raw);
  });
});

describe('a header that is set', () => {
  it('takes the place of all that have its name', () => {
    const headers = ['Accept-Encoding', 'gzip', 'X-Kept', '1', 'accept-encoding', 'br'];
    const identity = ['X-Kept', '1', 'accept-encoding', 'identity'];
    assert.deepEqual(withHeader(headers, 'accept-encoding', 'identity'), identity);
  });

  it('leaves TE where Connection says that it is for the next hop (RFC 9110 §10.1.4)', () => {
    const headers = ['connection', 'TE', 'te', 'trailers'];
    const all = [...headers, 'accept-encoding', 'identity'];
    assert.deepEqual(withHeader(headers, 'accept-encoding', 'identity'), all);
  });
});

describe('the headers of a response', () => {
  const dropped = [
    ['WWW-Authenticate', 'the editor would sign in by itself'],
    ['Proxy-Authenticate', 'the editor would sign in by itself'],
    ['Set-Cookie', 'nobody keeps cookies'],
    ['Connection', 'one hop'],
    ['Keep-Alive', 'one hop'],
    ['Transfer-Encoding', 'one hop'],
    ['Upgrade', 'one hop'],
    ['Trailer', 'one hop'],
  ] as const;
  for (const [name, why] of dropped) {
    it(`lose ${name}: ${why}`, () =>
      assert.deepEqual(forwardedResponseHeaders([name, 'a', 'Content-Type', 'b', name, 'c']), [
        'Content-Type',
        'b',
      ]));
  }

  it('lose what Connection names', () =>
    assert.deepEqual(forwardedResponseHeaders(['X-Hop', '1', 'Connection', 'x-hop', 'X-Kept', '2']), [
      'X-Kept',
      '2',
    ]));

  it('keep the rest, length and session included', () => {
    const raw = [
      'Content-Length',
      '5',
      'Mcp-Session-Id',
      's',
      'Vary',
      'a',
      'Vary',
      'b',
      'Authorization',
      'x',
    ];
    assert.deepEqual(forwardedResponseHeaders(raw), raw);
  });
});
