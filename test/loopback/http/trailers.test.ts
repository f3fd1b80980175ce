import assert from 'node:assert/strict';
import { forwardedTrailers, takesTrailers } from '../../../src/loopback/http/trailers.js';

describe('trailers', () => {
  for (const [te, isSo] of [
    [{}, false],
    [{ te: '', connection: 'te' }, false],
    [{ te: 'gzip', connection: 'te' }, false],
    [{ te: 'trailers', connection: 'TE' }, true],
    [{ te: 'gzip;q=0.5,  Trailers', connection: 'keep-alive, te' }, true],
    [{ te: 'x-trailers', connection: 'te' }, false],
    [{ te: 'trailers', connection: 'keep-alive' }, false],
    [{ te: 'trailers' }, false],
  ] as const) {
    it(`are ${isSo ? '' : 'not '}taken by whoever says ${JSON.stringify(te)}`, () =>
      assert.equal(takesTrailers(te), isSo));
  }

  for (const name of [
    'Authorization',
    'Proxy-Authorization',
    'WWW-Authenticate',
    'Authentication-Info',
    'Cookie',
    'Set-Cookie',
    'DPoP',
    'DPoP-Nonce',
    'X-Api-Key',
    'X-Goog-User-Project',
    'X-Amz-Security-Token',
    'Mcp-Session-Id',
    'Mcp-Method',
    'Host',
    'Content-Length',
    'Content-Type',
    'Content-Encoding',
    'Transfer-Encoding',
    'Trailer',
    'TE',
    'Connection',
    'Cache-Control',
    'Location',
    'If-Match',
    'X-Forwarded-For',
  ])
    it(`do not go on as ${name}`, () => assert.deepEqual(forwardedTrailers([name, 'x']), []));

  it('go on otherwise, in order and as they are written', () =>
    assert.deepEqual(forwardedTrailers(['X-Sum', '7', 'Server-Timing', 'a;dur=1', 'x-sum', '8']), [
      ['X-Sum', '7'],
      ['Server-Timing', 'a;dur=1'],
      ['x-sum', '8'],
    ]));

  it('do not go on when they cannot be written', () =>
    assert.deepEqual(forwardedTrailers(['x-a', 'a\u0001b', 'x-b', 'a\nb', 'x c', 'd', 'x-d', '\u00e9\t']), [
      ['x-d', '\u00e9\t'],
    ]));
});
