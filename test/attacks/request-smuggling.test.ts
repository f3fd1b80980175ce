import assert from 'node:assert/strict';
import { once } from 'node:events';
import { useProxy } from '../support/proxy-rig.js';
import { converse, statusesIn } from '../support/raw-socket.js';

/** Two requests in one: what a proxy and a server could count differently, each would answer once. */
describe('a request that is meant to be read as two', () => {
  const rig = useProxy();

  const smuggled = 'POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';

  /** The head of a request of a caller who holds the capability, with `lines` in it. */
  function head(...lines: readonly string[]): string {
    const { url, capability } = rig.proxy.endpoint(rig.id) ?? assert.fail();
    const { host, pathname } = new URL(url);
    const usual = [
      `POST ${pathname} HTTP/1.1`,
      `Host: ${host}`,
      `Authorization: Bearer ${capability.reveal()}`,
    ];
    return [...usual, ...lines, '', ''].join('\r\n');
  }

  const send = (bytes: string) => {
    const { url } = rig.proxy.endpoint(rig.id) ?? assert.fail();
    return converse(url, bytes);
  };

  const refused: Readonly<Record<string, () => string>> = {
    'a length and chunks (CL.TE)': () =>
      head('Content-Length: 6', 'Transfer-Encoding: chunked') + `0\r\n\r\n${smuggled}`,
    'chunks and a length (TE.CL)': () =>
      head('Transfer-Encoding: chunked', 'Content-Length: 4') + `5c\r\n${smuggled}\r\n0\r\n\r\n`,
    'two lengths': () => head('Content-Length: 0', `Content-Length: ${smuggled.length}`) + smuggled,
    'a list of lengths': () => head(`Content-Length: 0, ${smuggled.length}`) + smuggled,
    'a length with a sign': () => head('Content-Length: +0') + smuggled,
    'a length in hexadecimal digits': () => head('Content-Length: 0x0') + smuggled,
    'a coding that is not chunked at last': () =>
      head('Transfer-Encoding: chunked, identity') + `0\r\n\r\n${smuggled}`,
    'a coding with a letter too many': () => head('Transfer-Encoding: xchunked') + `0\r\n\r\n${smuggled}`,
    'a space before the colon': () => head('Transfer-Encoding : chunked', 'Content-Length: 0') + smuggled,
    'a folded line (obs-fold)': () =>
      head('X-Long: a', ' Transfer-Encoding: chunked', 'Content-Length: 5') + `0\r\n\r\n${smuggled}`,
    'a bare line feed in the head': () => head('Content-Length: 0').replace(/\r\n/g, '\n') + smuggled,
    'a bare line feed between two headers': () =>
      head('X-One: 1\nTransfer-Encoding: chunked', 'Content-Length: 5') + `0\r\n\r\n${smuggled}`,
    'a bare carriage return in a value': () => head('X-One: 1\rX-Two: 2', 'Content-Length: 0') + smuggled,
    'a null in a value': () => head('X-One: 1\0', 'Content-Length: 0') + smuggled,
    'a chunk with a size that is too large': () =>
      head('Transfer-Encoding: chunked') + `ffffffffffffffffff\r\n${smuggled}`,
    'a length behind the chunks': () =>
      head('Transfer-Encoding: chunked') + `2\r\n{}\r\n0\r\nContent-Length: 0\r\n\r\n${smuggled}`,
    'a chunk that ends with a bare line feed': () =>
      head('Transfer-Encoding: chunked') + `1\n0\n0\n\n${smuggled}`,
  };
  for (const [what, bytes] of Object.entries(refused)) {
    it(`is cut off: ${what}`, async () => {
      const said = await send(bytes()).said;
      assert.ok(statusesIn(said).length <= 1, said);
      assert.ok(rig.seen.length <= 1);
      assert.ok(!JSON.stringify(rig.seen).includes('/admin'), 'Nothing of the second reached the server.');
      assert.doesNotMatch(said, /Bad Request|HPE_|Node/, 'No reason is given.');
    });
  }

  it('is two requests when it is, and the second one has no capability', async () => {
    const said = await send(head('Content-Length: 2') + `{}${smuggled}`).said;
    assert.deepEqual(statusesIn(said), [200, 404]);
    assert.equal(rig.seen.length, 1);
  });

  for (const [trailers, length, encoding] of [
    ['', '2', undefined],
    ['Authorization: Bearer x\r\n', '2', undefined],
    ['X-Trailer: 1\r\nAuthorization: Bearer x\r\n', undefined, 'chunked'],
  ] as const) {
    it(`reaches the server as one, of which we have counted the length or the pieces, with ${JSON.stringify(trailers)} behind it`, async () => {
      const bytes = `${head('Transfer-Encoding: chunked')}2;ext="x"\r\n{}\r\n0\r\n${trailers}\r\n`;
      const { socket } = send(bytes);
      await once(socket, 'data');
      socket.destroy();
      assert.deepEqual(
        rig.seen.map(({ body, headers, authorization }) => [
          body,
          headers['content-length'],
          headers['transfer-encoding'],
          headers['x-trailer'],
          authorization,
        ]),
        [['{}', length, encoding, undefined, 'Bearer token-1']],
      );
    });
  }
});
