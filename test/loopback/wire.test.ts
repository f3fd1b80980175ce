import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { settled, toolCall, useProxy } from '../support/proxy-rig.js';
import { converse } from '../support/raw-socket.js';

const megabyte = 1_048_576;

describe('on the wire, the proxy', () => {
  const rig = useProxy();

  let upstream: Server | undefined;
  afterEach(() => {
    upstream?.closeAllConnections();
    upstream?.close();
    upstream = undefined;
  });

  const endpoint = () => rig.proxy.endpoint(rig.id) ?? assert.fail();
  const authorization = () => `Bearer ${endpoint().capability.reveal()}`;

  /** The head of a request of the editor, to be written by hand. */
  function head(...lines: string[]): string {
    const { pathname, host } = new URL(endpoint().url);
    const all = [`POST ${pathname} HTTP/1.1`, `Host: ${host}`, `Authorization: ${authorization()}`, ...lines];
    return `${all.join('\r\n')}\r\n\r\n`;
  }

  /** A server whose handler leaves the body of a request alone. */
  async function unreadUpstream(handle: (req: IncomingMessage, write: () => void) => void, host: string) {
    const server = createServer((req, res) => handle(req, () => res.end('{}')));
    server.listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    rig.proxy.setServers([{ id: rig.id, url: `${origin}/mcp`, auth: {} }]);
    Object.assign(rig.tokens, { resource: () => `${origin}/mcp` });
    upstream = server;
  }

  it('reaches a server by its IPv6 address', async () => {
    let seen: IncomingMessage['headers'] = {};
    await unreadUpstream((req, answer) => {
      seen = req.headers;
      req.resume().on('end', answer);
    }, '::1');
    assert.equal((await rig.send()).text, '{}');
    assert.match(seen.host ?? '', /^\[::1\]:\d+$/);
    assert.equal(seen.authorization, 'Bearer token-1');
  });

  it('hands on a chunked answer whole whose trailers nobody asked for', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(200, { trailer: 'x-sum', 'content-type': 'application/json' });
      res.write('{"a":');
      res.addTrailers({ 'x-sum': '7' });
      setImmediate(() => res.end('1}'));
    };
    const { text, headers } = await rig.send();
    assert.equal(text, '{"a":1}');
    assert.equal(headers.trailer, undefined, 'What is not handed on is not announced.');
  });

  for (const [when, parts] of [
    ['at once', ['{"a":1}']],
    ['bit by bit', ['{"a":', '1}']],
  ] as const) {
    it(`hands on the trailers of an answer that comes ${when} to whoever asked for them, and no credential among them`, async () => {
      rig.handle = (_req, res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.addTrailers({
          'x-sum': '7',
          'set-cookie': 'a=b',
          'content-type': 'text/html',
          'dpop-nonce': 'n',
        });
        const [first, second] = parts;
        if (second === undefined) res.write(first, () => res.end());
        else res.write(first, () => setImmediate(() => res.end(second)));
      };
      for (let n = 0; n < 2; n++) {
        const answer = await rig.begin(JSON.stringify(toolCall), {
          te: 'gzip;q=0, trailers',
          connection: 'TE, keep-alive',
        }).answered;
        let text = '';
        for await (const chunk of answer) text += String(chunk);
        assert.equal(text, '{"a":1}');
        assert.deepEqual({ ...answer.trailers }, { 'x-sum': '7' });
        assert.equal(rig.seen[n]?.headers['te'], 'trailers');
      }
      assert.equal(rig.connections.size, 1, 'The connection stays for the next one.');
    });
  }

  for (const [what, limit] of [
    ['is kept', 1_048_576],
    ['goes past', 16],
  ] as const) {
    it(`hands on the trailers of a request that ${what}, and no credential among them`, async () => {
      await rig.close();
      await rig.open({ replayLimitBytes: () => limit });
      let trailers: object | undefined;
      rig.handle = (req, res) => {
        trailers = { ...req.trailers };
        res.end('{}');
      };
      const body = JSON.stringify(toolCall);
      const { said, socket } = converse(
        endpoint().url,
        `${head('Transfer-Encoding: chunked', 'Connection: close')}${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Sum: 7\r\nAuthorization: Bearer x\r\nCookie: a=b\r\nX-Api-Key: k\r\nMcp-Session-Id: s\r\nHost: h\r\n\r\n`,
      );
      assert.match(await said, /^HTTP\/1\.1 200 /);
      assert.deepEqual(trailers, { 'x-sum': '7' });
      assert.equal(rig.seen[0]?.body, body);
      assert.equal(rig.seen[0].authorization, 'Bearer token-1');
      socket.destroy();
    });
  }

  it('takes a chunked request with trailers, and hands on its body', async () => {
    const body = JSON.stringify(toolCall);
    const { said, socket } = converse(
      endpoint().url,
      `${head('Transfer-Encoding: chunked', 'Trailer: X-Sum', 'Connection: close')}${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Sum: 7\r\n\r\n`,
    );
    assert.match(await said, /^HTTP\/1\.1 200 [^]*\{"ok":true\}/);
    assert.equal(rig.seen[0]?.body, body);
    assert.equal(rig.seen[0].headers['trailer'], undefined);
    socket.destroy();
  });

  it('tells whoever expects it to go on, before any of the body has come, and nobody else', async () => {
    const body = JSON.stringify(toolCall);
    const lines = ['Expect: 100-continue', 'Connection: close', `Content-Length: ${body.length}`];
    const { said, socket } = converse(endpoint().url, head(...lines));
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.equal(String(first), 'HTTP/1.1 100 Continue\r\n\r\n');
    assert.equal(rig.seen.length, 0);
    socket.write(body);
    assert.match(await said, /HTTP\/1\.1 200 [^]*\{"ok":true\}/);
    assert.equal(rig.seen[0]?.headers['expect'], undefined, 'It was answered here.');

    const stranger = head(...lines).replace(authorization(), 'Bearer x');
    assert.match(await converse(endpoint().url, stranger).said, /^HTTP\/1\.1 404 /);
  });

  it('hands on a compressed answer byte by byte', async () => {
    const packed = gzipSync('{"jsonrpc":"2.0","id":1,"result":{}}');
    rig.handle = (_req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    const answer = await rig.begin(JSON.stringify(toolCall), { 'accept-encoding': 'gzip' }).answered;
    assert.equal(answer.headers['content-encoding'], 'gzip');
    assert.deepEqual(Buffer.concat((await answer.toArray()) as Buffer[]), packed);
    assert.equal(rig.seen[0]?.headers['accept-encoding'], 'gzip');
  });

  it('does not read a body for which there are no rules: what is no JSON goes through as it is', async () => {
    for (const body of ['{"method":"tools/call"', '\u0000\u0001', '[[[', '"tools/list" and no more']) {
      rig.handle = (_req, res, seen) => res.writeHead(400).end(seen);
      const { status, text } = await rig.send(Buffer.from(body));
      assert.deepEqual([status, text], [400, body]);
    }
  });

  it('takes an upload no faster than the server does', async function () {
    this.timeout(20_000);
    let goOn: () => void = () => undefined;
    await unreadUpstream((req, answer) => {
      goOn = () => req.resume().on('end', answer);
    }, '127.0.0.1');
    const total = 64 * megabyte;
    const outgoing = request(endpoint().url, {
      method: 'POST',
      headers: { authorization: authorization(), 'content-length': String(total) },
    });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    const block = Buffer.alloc(megabyte, 0x20);
    let written = 0;
    const write = () => {
      while (written < total) {
        written += block.length;
        if (!outgoing.write(block)) return void outgoing.once('drain', write);
      }
      outgoing.end();
    };
    write();
    let before = -1;
    // What the two connections hold is full as soon as no more is taken.
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(written < 32 * megabyte, `${written / megabyte} MB were taken.`);
    goOn();
    const [answer] = await answered;
    assert.deepEqual(Buffer.concat((await answer.toArray()) as Buffer[]).toString(), '{}');
    assert.equal(written, total);
  });

  it('waits for the slow body of somebody who is admitted, without a token in the hand', async () => {
    const body = JSON.stringify(toolCall);
    const { said, socket } = converse(
      endpoint().url,
      head('Connection: close', `Content-Length: ${body.length}`),
    );
    for (const byte of body.slice(0, -1)) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual([rig.seen.length, rig.tokens.asked], [0, []]);
    socket.write(body.slice(-1));
    assert.match(await said, /\{"ok":true\}/);
    assert.equal(rig.seen[0]?.body, body);
  });

  it('asks for no token for a body that breaks off', async () => {
    const { socket } = converse(endpoint().url, head('Content-Length: 100'));
    socket.write('{"jsonrpc"', () => socket.destroy());
    await once(socket, 'close');
    assert.equal((await rig.send()).text, '{"ok":true}');
    await settled(() => rig.seen.length === 1);
    assert.deepEqual([rig.seen.length, rig.tokens.asked.length], [1, 1]);
  });
});
