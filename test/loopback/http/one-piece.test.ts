import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { endWith } from '../../../src/loopback/http/one-piece.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('the end of a message', () => {
  const bodies = [
    ['nothing', Buffer.alloc(0)],
    ['every byte', everyByte],
    ['as much as goes with the headers', Buffer.alloc(16_384, everyByte)],
    ['a byte more', Buffer.alloc(16_385, everyByte)],
  ] as const;
  const framings: readonly (readonly [string, (body: Buffer) => OutgoingHttpHeaders])[] = [
    ['with a length', (body) => ({ 'content-length': body.length })],
    ['in chunks', () => ({ 'transfer-encoding': 'chunked' })],
  ];
  for (const [what, body] of bodies)
    for (const [how, headers] of framings)
      it(`of ${what} comes as it is, ${how}, both ways`, async () => {
        let received: Buffer | undefined;
        const server = createServer((incoming, response) => {
          void incoming.toArray().then((chunks: Buffer[]) => {
            received = Buffer.concat(chunks);
            response.writeHead(200, headers(body));
            endWith(response, body);
          });
        });
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const outgoing = request({
          port,
          host: '127.0.0.1',
          method: 'POST',
          headers: headers(body),
          agent: false,
        });
        endWith(outgoing, body);
        const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
        assert.deepEqual(Buffer.concat((await answer.toArray()) as Buffer[]), body);
        assert.deepEqual(received, body);
        server.close();
      });

  it('leaves with the headers in one write', async () => {
    let writes = 0;
    const server = createServer((_, response) => {
      const { socket } = response;
      assert.ok(socket);
      const [write, writev] = [socket._write.bind(socket), socket._writev?.bind(socket)];
      socket._write = (...chunk) => {
        writes++;
        write(...chunk);
      };
      socket._writev = (chunks, callback) => {
        writes += chunks.length;
        writev?.(chunks, callback);
      };
      response.writeHead(200, { 'content-length': everyByte.length, connection: 'close' });
      endWith(response, everyByte);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.end('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const said = Buffer.concat((await socket.toArray()) as Buffer[]);
    assert.ok(said.subarray(-everyByte.length).equals(everyByte));
    assert.equal(writes, 1);
    server.close();
  });
});
