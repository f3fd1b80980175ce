import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { readBody, type Body } from '../../../src/loopback/http/body.js';

const limitBytes = 65_536;

describe('a request body', () => {
  let server: Server;
  let port: number;
  let handle: (req: IncomingMessage) => void;

  before(async () => {
    server = createServer((req, res) => {
      handle(req);
      req.on('close', () => res.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  function post(): { outgoing: ClientRequest; body: Promise<Body> } {
    const body = new Promise<Body>((resolve, reject) => {
      handle = (req) => void readBody(req, limitBytes).then(resolve, reject);
    });
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', agent: false });
    outgoing.on('error', () => undefined);
    return { outgoing, body };
  }

  async function sent(body: Body): Promise<Buffer> {
    const upstream = new PassThrough();
    body.sendTo(upstream);
    const chunks: Buffer[] = [];
    for await (const chunk of upstream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  const rows = [
    ['nothing', 0, true],
    ['a little', 10, true],
    ['exactly the limit', limitBytes, true],
    ['a byte more', limitBytes + 1, false],
    ['much more', 40 * limitBytes, false],
  ] as const;
  for (const [what, sizeBytes, isWhole] of rows) {
    it(`of ${what} is ${isWhole ? 'kept, and can be sent twice' : 'passed through, and arrives whole'}`, async () => {
      const { outgoing, body } = post();
      const content = Buffer.alloc(sizeBytes, 'abc');
      outgoing.end(content);
      const read = await body;
      assert.equal(read.whole?.length, isWhole ? sizeBytes : undefined);
      const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');
      assert.equal(digest(await sent(read)), digest(content));
      if (isWhole) assert.equal(digest(await sent(read)), digest(content));
      outgoing.destroy();
    });
  }

  it('is not waited for beyond the limit: what is larger flows as it comes', async () => {
    const { outgoing, body } = post();
    outgoing.write(Buffer.alloc(limitBytes + 1));
    const read = await body; // The request has not ended.
    assert.equal(read.whole, undefined);
    outgoing.end('tail');
    const data = await sent(read);
    assert.equal(data.length, limitBytes + 5);
    outgoing.destroy();
  });

  it('of a caller that hangs up is an error', async () => {
    const { outgoing, body } = post();
    outgoing.write('half');
    const failing = assert.rejects(body);
    await once(server, 'request').catch(() => undefined);
    outgoing.destroy();
    await failing;
  });
});
