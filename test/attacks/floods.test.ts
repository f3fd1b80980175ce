import assert from 'node:assert/strict';
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import type { ServerId } from '../../src/core/server.js';
import { errorIn, settled, toolCall, useProxy } from '../support/proxy-rig.js';
import { converse, drained } from '../support/raw-socket.js';

const megabyte = 1_048_576;

describe('a flood', () => {
  const rig = useProxy();

  const endpoint = (id = rig.id) => rig.proxy.endpoint(id) ?? assert.fail();

  /** What is in memory, garbage included, in megabytes. */
  const memory = () => process.memoryUsage.rss() / megabyte;

  it('of header bytes is cut off, whoever sends it', async () => {
    const { url, capability } = endpoint();
    const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n`;
    for (const authorization of ['', `Authorization: Bearer ${capability.reveal()}\r\n`]) {
      for (const flood of [`X-Long: ${'x'.repeat(100_000)}`, 'X: y\r\n'.repeat(16_667)]) {
        const { said } = converse(url, `${head}${authorization}${flood}`);
        assert.equal(await said, '');
      }
    }
    assert.deepEqual(rig.seen, []);
  });

  it('of header bytes in an answer ends the call and nothing else', async () => {
    rig.handle = (_req, res) => res.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end('{}');
    assert.equal(errorIn(await rig.send()), 'result');
    rig.handle = (_req, res) => res.writeHead(200).end('{}');
    assert.equal((await rig.send()).text, '{}');
  });

  it('of five gigabytes in one answer goes through, and does not stay in memory', async function () {
    this.timeout(240_000);
    const total = 5 * 1_024 * megabyte;
    const block = Buffer.alloc(megabyte, 'x');
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': String(total) });
      pour(res, total, block);
    };
    const before = memory();
    const { url, capability } = endpoint();
    let [size, most, looks] = [0, 0, 0];
    const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n`;
    const body = JSON.stringify(toolCall);
    await drained(
      url,
      `${head}Authorization: Bearer ${capability.reveal()}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      (bytes) => {
        size += bytes;
        if (size < looks * 100 * megabyte) return;
        looks++;
        most = Math.max(most, memory() - before);
      },
    );
    assert.ok(size > total && size < total + 1_024, `There were ${size} bytes.`);
    assert.ok(most < 256, `The process grew by ${Math.round(most)} MB.`);
  });

  for (const rules of [undefined, [[{ pattern: 'tools/x', effect: 'never' as const, scopes: [] }]]]) {
    it(`of a line that does not end goes through${rules === undefined ? '' : ', also where lists are looked at'}, and ends with the caller`, async function () {
      this.timeout(30_000);
      const server = { id: rig.id, url: rig.url, auth: {}, ...(rules && { rules }) };
      rig.proxy.setServers([server]);
      let isCut: (value: unknown) => void;
      const cut = new Promise((resolve) => {
        isCut = resolve;
      });
      rig.handle = (_req, res) => {
        res.on('close', () => isCut(undefined));
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: "tools" ');
        pour(res, Infinity, Buffer.alloc(65_536, 'x'));
      };
      const { outgoing, answered } = rig.begin(JSON.stringify(toolCall), { accept: 'text/event-stream' });
      const answer = await answered;
      const before = memory();
      let size = 0;
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > 128 * megabyte) break;
      }
      outgoing.destroy();
      await cut;
      assert.ok(memory() - before < 96, `The process grew by ${Math.round(memory() - before)} MB.`);
    });
  }

  it('of a thousand calls that hang leaves room for other servers, and tells whoever comes too late', async function () {
    this.timeout(60_000);
    const other = 'other' as ServerId;
    rig.proxy.setServers([
      { id: rig.id, url: rig.url, auth: {} },
      { id: other, url: rig.url, auth: {} },
    ]);
    const hanging = new Set<ServerResponse>();
    rig.handle = (_req, res, body) => {
      if (body.includes('"hang"')) hanging.add(res.on('close', () => hanging.delete(res)));
      else res.end('{}');
    };
    const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
    const call = (id: ServerId, name: string) => {
      const { url, capability } = endpoint(id);
      const authorization = `Bearer ${capability.reveal()}`;
      const outgoing = request(url, { method: 'POST', headers: { authorization }, agent });
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.on('response', resolve).on('error', reject);
      });
      outgoing.end(JSON.stringify({ ...toolCall, params: { name } }));
      return { outgoing, answered };
    };
    const calls = Array.from({ length: 1_000 }, () => call(rig.id, 'hang'));
    let refused = 0;
    for (const { answered } of calls) {
      answered.then(
        () => refused++,
        () => undefined,
      );
    }
    await until(() => hanging.size + refused === 1_000);
    assert.equal(hanging.size, 512);
    const late = await call(rig.id, 'quick').answered;
    assert.match(await textOf(late), /"isError":true/);
    assert.match(rig.log.text, /too_many_calls/);
    assert.equal(await textOf(await call(other, 'quick').answered), '{}', 'Another server is served.');
    for (const { outgoing } of calls) outgoing.on('error', () => undefined).destroy();
    await until(() => hanging.size === 0);
    assert.equal(await textOf(await call(rig.id, 'quick').answered), '{}', 'And so is this one again.');
    agent.destroy();
  });

  it('of connections by a holder of one capability leaves room for other servers', async function () {
    this.timeout(60_000);
    const other = 'other' as ServerId;
    rig.proxy.setServers([
      { id: rig.id, url: rig.url, auth: {} },
      { id: other, url: rig.url, auth: {} },
    ]);
    const [agent, keeping] = [new Agent({ keepAlive: true, maxSockets: Infinity }), new Set<unknown>()];
    const ping = (id: ServerId, through: Agent) => {
      const { url, capability } = endpoint(id);
      const authorization = `Bearer ${capability.reveal()}`;
      return new Promise<string>((resolve, reject) => {
        const outgoing = request(url, { method: 'POST', headers: { authorization }, agent: through });
        outgoing.on('socket', (socket) => {
          keeping.add(socket);
          socket.once('close', () => keeping.delete(socket));
        });
        outgoing.on('response', (answer) => void textOf(answer).then(resolve, reject)).on('error', reject);
        outgoing.end(JSON.stringify(toolCall));
      });
    };
    let cut = 0;
    for (let burst = 0; burst < 11; burst++) {
      // Each holds its connection, so that the next needs one of its own.
      const held: ServerResponse[] = [];
      rig.handle = (_req, res) => held.push(res);
      const agents = Array.from({ length: 100 }, () => new Agent({ keepAlive: true }));
      const calls = agents.map((own) => ping(rig.id, own).catch(() => cut++));
      const before = cut;
      await until(() => held.length + cut - before === 100);
      for (const res of held) res.end('{}');
      await Promise.all(calls);
    }
    assert.equal(cut, 1_100 - 1_024);
    assert.equal(keeping.size, 1_024);
    rig.handle = (_req, res) => res.end('{}');
    assert.equal(await ping(other, agent), '{}', 'Another server is served.');
    for (const socket of keeping) (socket as Socket).destroy();
    await until(() => keeping.size === 0);
    await assert.doesNotReject(async () => {
      // Our side hears of the end a moment later.
      for (;;) if ((await ping(rig.id, agent).catch(() => undefined)) === '{}') return;
    });
    agent.destroy();
  });

  const until = async (isSo: () => boolean) => {
    while (!isSo()) await settled(isSo);
  };
});

/** Sends `block` again and again, no faster than it is taken, until it was `total` bytes or nobody is there. */
function pour(res: ServerResponse, total: number, block: Buffer): void {
  let left = total;
  const source = new Readable({
    read() {
      const part = block.subarray(0, Math.min(left, block.length));
      left -= part.length;
      this.push(part.length === 0 ? null : part);
    },
  });
  pipeline(source, res, () => undefined);
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return text;
}
