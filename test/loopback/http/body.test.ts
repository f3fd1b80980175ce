import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { readBody, type Body } from '../../../src/loopback/http/body.js';
import { listen, type Listener } from '../../support/listener.js';

const limitBytes = 65_536;

describe('a request body', () => {
  let listener: Listener;
  let handle: (req: IncomingMessage) => void;

  before(async () => {
    listener = await listen('127.0.0.1');
    listener.serve((req, res) => {
      handle(req);
      req.on('close', () => res.destroy());
    });
  });
  after(() => listener.close());

  function post() {
    let arrive: () => void;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const body = new Promise<Body>((resolve, reject) => {
      handle = (req) => {
        arrive();
        void readBody(req, limitBytes).then(resolve, reject);
      };
    });
    const outgoing = request(listener.origin, { method: 'POST', agent: false });
    outgoing.on('error', () => undefined);
    return { outgoing, arrived, body };
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
    const { outgoing, arrived, body } = post();
    outgoing.write('half');
    const failing = assert.rejects(body);
    await arrived;
    outgoing.destroy();
    await failing;
  });
});
