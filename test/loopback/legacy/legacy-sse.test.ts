/* eslint-disable @typescript-eslint/no-deprecated -- The transport is deprecated, and so are the servers that speak it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Client, SSEClientTransport } from '@modelcontextprotocol/client';
import { BrokerError } from '../../../src/core/errors.js';
import { LegacySseServer } from '../../support/legacy-sse-server.js';
import { buildMcpServer } from '../../support/mcp-tools.js';
import { settled, toolCall, useProxy } from '../../support/proxy-rig.js';

describe('a server of the transport before Streamable HTTP', () => {
  const rig = useProxy();
  const accept = { accept: 'text/event-stream' };

  function serveLegacy(
    endpoint: (session: string) => string,
    messagesPath = '/mcp/messages',
  ): LegacySseServer {
    const legacy = new LegacySseServer({
      build: () => buildMcpServer('notes', []),
      endpoint,
      messagesPath,
    });
    rig.handle = (req, res, body) => void legacy.handle(req, res, body);
    return legacy;
  }

  async function connect(): Promise<Client> {
    const endpoint = rig.proxy.endpoint(rig.id);
    const headers = { authorization: `Bearer ${endpoint?.capability.reveal() ?? ''}` };
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new SSEClientTransport(new URL(endpoint?.url ?? ''), { requestInit: { headers } }));
    return client;
  }

  for (const [what, endpoint] of [
    ['a path', (id: string) => `/mcp/messages?sessionId=${id}`],
    ['a relative reference', (id: string) => `mcp/messages?sessionId=${id}`],
    ['a whole address', (id: string) => `${rig.url}/messages?sessionId=${id}`],
  ] as const) {
    it(`works when it names the way back as ${what}, and every request brings the token`, async () => {
      const legacy = serveLegacy(endpoint);
      const client = await connect();
      assert.ok((await client.listTools()).tools.length > 3);
      const steps: unknown[] = [];
      await client.callTool(
        { name: 'count', arguments: { steps: 3, intervalMs: 1 } },
        { onprogress: ({ progress }) => steps.push(progress) },
      );
      // The client forgets a step that comes together with the result.
      assert.equal(steps[0], 1);
      assert.ok(rig.seen.every(({ authorization }) => authorization === 'Bearer token-1'));
      await client.close();
      await settled(() => legacy.openStreams === 0);
      assert.equal(legacy.openStreams, 0);
      await settled(() => rig.tokens.asked.some((line) => line.startsWith('sessionClosed')));
      const opened = rig.tokens.asked.find((line) => line.startsWith('sessionOpened')) ?? '';
      const [, , , session] = opened.split(' ').slice(-5);
      assert.ok(
        rig.tokens.asked.some((line) => line.includes('sessionClosed') && line.includes(session ?? '')),
      );
    });
  }

  /** Opens a stream by hand. @returns the path that its first event leads to, and what comes after */
  async function open() {
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    const events = (await answered)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const first = String((await events.next()).value);
    const path = /^event: endpoint\ndata: (\S+)\n\n/.exec(first)?.[1] ?? '';
    return { path, events, outgoing };
  }

  async function post(
    path: string,
    headers: Record<string, string>,
    body: unknown = toolCall,
  ): Promise<number> {
    const { origin } = new URL(rig.proxy.endpoint(rig.id)?.url ?? '');
    const answer = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
    await answer.text();
    return answer.status;
  }
  const capability = () => ({
    authorization: `Bearer ${rig.proxy.endpoint(rig.id)?.capability.reveal() ?? ''}`,
  });

  it('is guarded by the same capability, and forgotten with its stream', async () => {
    const legacy = serveLegacy((id) => `/mcp/messages?sessionId=${id}`);
    const { path, outgoing } = await open();
    assert.match(path, /^\/mcp\/[\w-]+\/[\w-]{22}$/);
    assert.equal(await post(path, {}), 404);
    assert.equal(await post(path, capability()), 202);
    assert.equal(await post(`${path}x`, capability()), 404);
    outgoing.destroy();
    await settled(() => legacy.openStreams === 0);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('sessionClosed')));
    assert.equal(await post(path, capability()), 404);
  });

  for (const [what, named] of [
    ['another origin', 'https://attacker.example/messages'],
    ['another port', 'http://127.0.0.1:1/mcp/messages'],
    ['another scheme', 'file:///mcp/messages'],
    ['nothing that is an address', 'http://[/mcp'],
  ] as const) {
    it(`is left when it wants to be told at ${what}`, async () => {
      serveLegacy(() => named);
      const { answered } = rig.begin('', accept, 'GET');
      await assert.rejects((await answered).toArray(), /aborted/);
      assert.match(rig.log.at('warn')[0] ?? '', /its credential is not for/);
    });
  }

  describe('and names its stream as its resource', () => {
    const at = (path: string) => new URL(path, rig.url).href;
    /** @param resource - what the token is for */
    const serveAt = (path: string, resource = path) => {
      rig.proxy.setServers([{ id: rig.id, url: at(path), auth: {} }]);
      Object.assign(rig.tokens, { resource: () => at(resource) });
    };

    it('is told beside the stream, as servers of that time want it', async () => {
      serveAt('/a/sse');
      const legacy = serveLegacy((id) => `/a/messages/?sessionId=${id}`, '/a/messages/');
      const client = await connect();
      assert.ok((await client.listTools()).tools.length > 3);
      assert.ok(rig.seen.every(({ authorization }) => authorization === 'Bearer token-1'));
      await client.close();
      await settled(() => legacy.openStreams === 0);
    });

    for (const [what, resource, named] of [
      ['another part of the origin', '/a/sse', '/b/messages'],
      ['a way up', '/a/sse', '/a/../b/messages'],
      ['a hidden way up', '/a/sse', '/a/%2e%2e/b/messages'],
      ['a place beside it, with a token for more than the stream', '/a/sse/', '/a/messages'],
      ['a place beside it, with a token for less than the stream', '/a/sse?x', '/a/messages'],
      ['another port', '/a/sse', 'http://127.0.0.1:1/a/messages'],
      ['another host', '/a/sse', 'http://localhost/a/messages'],
      ['another scheme', '/a/sse', 'https://127.0.0.1/a/messages'],
      ['an address with a name', '/a/sse', '//me@127.0.0.1/a/messages'],
    ] as const) {
      it(`is left when it wants to be told at ${what}`, async () => {
        serveAt(resource.startsWith('/a/sse/') ? '/a/sse/x' : '/a/sse', resource);
        serveLegacy(() => named);
        const { answered } = rig.begin('', accept, 'GET');
        const text = await (await answered).toArray().then(String, () => 'cut');
        assert.ok(!text.includes('event: endpoint'), text);
        assert.equal(rig.seen.filter(({ method }) => method === 'POST').length, 0);
      });
    }

    it('gets no token there that is for something else than the stream', async () => {
      serveAt('/a/sse');
      serveLegacy((id) => `/a/messages?sessionId=${id}`, '/a/messages');
      const { path, outgoing } = await open();
      assert.equal(await post(path, capability()), 202);
      const seen = rig.seen.length;
      Object.assign(rig.tokens, { resource: () => at('/a/other') });
      assert.equal(await post(path, capability()), 202, 'The answer is on the stream.');
      assert.equal(rig.seen.length, seen);
      outgoing.destroy();
    });
  });

  it('gets an answer of ours on its stream, between two events', async () => {
    const send: ((text: string) => void)[] = [];
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(': hello\n\nevent: endpo');
      res.write('int\ndata: /mcp/messages\n\n');
      send.push((text) => res.write(text));
    };
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    let text = '';
    (await answered).on('data', (chunk) => (text += String(chunk))).on('error', () => undefined);
    await settled(() => text.includes('endpoint'));
    const path = /data: (\S+)/.exec(text)?.[1] ?? '';
    const half = `data: ${'half'.repeat(5_000)}`;
    send[0]?.(half);
    await settled(() => text.endsWith(half));
    assert.ok(text.endsWith(half));
    rig.tokens.answers = [new BrokerError('issuer_unreachable', 'Down.')];
    assert.equal(await post(path, capability()), 202);
    send[0]?.(' whole\n\n');
    await settled(() => text.includes('isError'));
    assert.match(
      text,
      /half whole\n\nevent: message\ndata: \{"jsonrpc":"2.0","id":1,"result":.*"isError":true/,
    );
    outgoing.destroy();
  });

  it('belongs to one account: a token of another one does not go there', async () => {
    serveLegacy((id) => `/mcp/messages?sessionId=${id}`);
    const { path, outgoing } = await open();
    rig.tokens.answers = [new BrokerError('session_account_changed', 'Changed.')];
    const seen = rig.seen.length;
    assert.equal(await post(path, capability()), 404);
    assert.equal(rig.seen.length, seen);
    outgoing.destroy();
  });

  const elsewhere = 'event: endpoint\ndata: https://attacker.example/messages\n\n';
  const large = `data: ${'x'.repeat(40_000)}\n`;
  for (const [what, before, event] of [
    ['after another event', 'event: message\ndata: {"endpoint":"/x"}\n\n', elsewhere],
    ['after the time to wait', 'retry: 3000\n\n', elsewhere],
    ['after a good one', 'event: endpoint\ndata: /mcp/messages\n\n', elsewhere],
    ['after comments', ': ping\n\n: ping\n', elsewhere],
    ['after a mark of byte order', '', `\uFEFF${elsewhere}`],
    ['before its name', '', 'data: https://attacker.example/messages\revent:endpoint\r\r'],
    ['with the line ends of Windows', 'retry: 1\r\n\r\n', elsewhere.replaceAll('\n', '\r\n')],
    ['without a last line end', '', elsewhere.trimEnd()],
    ['behind more than is kept', '', `${large}event: endpoint\ndata: https://attacker.example/messages\n\n`],
  ] as const) {
    for (const size of [1, 7, 1_000_000])
      it(`is left when it wants to be told elsewhere ${what}, ${size} bytes at a time`, async () => {
        const bytes = Buffer.from(before + event);
        rig.handle = (_req, res) => {
          res.writeHead(200, { 'content-type': 'text/event-stream' });
          // Of a large event only the end is cut up.
          let at = Math.max(0, bytes.length - 60 * size);
          if (at > 0) res.write(bytes.subarray(0, at));
          for (; at < bytes.length; at += size) res.write(bytes.subarray(at, at + size));
          res.end();
        };
        const { answered } = rig.begin('', accept, 'GET');
        let text = '';
        const answer = await answered;
        answer.on('data', (chunk) => (text += String(chunk)));
        await assert.rejects(once(answer, 'end'), /aborted/);
        assert.ok(
          !/event: ?endpoint[\r\n]+data: https/.test(text) && !/event:endpoint/.test(text),
          text.slice(-200),
        );
      });
  }

  it('says in the log at which origin it wants to be told, and not what else it wrote', async () => {
    serveLegacy(() => 'https://attacker.example/token-1?access=token-1');
    await assert.rejects((await rig.begin('', accept, 'GET').answered).toArray(), /aborted/);
    assert.match(rig.log.text, /https:\/\/attacker\.example"/);
    assert.ok(!rig.log.text.includes('token-1'), rig.log.text);
  });

  it('is left when its stream is packed, or says that it is something else', async () => {
    const { gzipSync } = await import('node:zlib');
    rig.handle = (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
        .end(gzipSync(elsewhere));
    const packed = await rig.send('', { ...accept, 'accept-encoding': 'gzip' }, 'GET');
    assert.deepEqual([packed.status, packed.text], [405, '']);
    assert.equal(rig.seen[0]?.headers['accept-encoding'], undefined);
    for (const type of ['Text/Event-Stream', 'text/plain']) {
      rig.handle = (_req, res) => res.writeHead(200, { 'content-type': type }).end(elsewhere);
      await assert.rejects(rig.send('', accept, 'GET'), /aborted|hang up/);
    }
  });

  it('leads through us in every event that says where, and leaves the others as they are', async () => {
    const other = 'event: message\ndata: {"endpoint":"/x"}\n\n';
    const many = `${other}event: endpoint\ndata: /mcp/a\n\n: c\n\n${large}\r\n${other}event: endpoint\ndata: /mcp/b\n\n`;
    for (const size of [13, 1_000_000]) {
      rig.handle = (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        for (let at = 0; at < many.length; at += size) res.write(many.slice(at, at + size));
        res.end();
      };
      const { text } = await rig.send('', accept, 'GET');
      const paths = [...text.matchAll(/^data: (\/mcp\/\S+)$/gm)].map(([, path]) => path);
      assert.equal(paths.length, 2);
      assert.equal(paths[0], paths[1]);
      assert.equal(text, many.replace(/\/mcp\/[ab]/g, paths[0] ?? ''));
    }
    assert.equal(rig.tokens.asked.filter((line) => line.startsWith('sessionOpened')).length, 2);
    rig.handle = (_req, res) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: cut');
    assert.equal((await rig.send('', accept, 'GET')).text, 'data: cut');
  });

  it('lets comments before the first event through as they come', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let count = 0; count < 20; count++) res.write(': ping\n\n');
    };
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    let text = '';
    (await answered).on('data', (chunk) => (text += String(chunk))).on('error', () => undefined);
    await settled(() => text.length === 160);
    assert.equal(text, ': ping\n\n'.repeat(20));
    outgoing.destroy();
  });

  it('gets an answer of ours although the end of the event before came in two parts', async () => {
    const send: ((text: string) => void)[] = [];
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('event: endpoint\ndata: /mcp/messages\n\n');
      send.push((text) => res.write(text));
    };
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    let text = '';
    (await answered).on('data', (chunk) => (text += String(chunk))).on('error', () => undefined);
    await settled(() => text.includes('endpoint'));
    const path = /data: (\S+)/.exec(text)?.[1] ?? '';
    send[0]?.(large);
    await settled(() => text.endsWith('x\n'));
    send[0]?.('\n');
    await settled(() => text.endsWith('\n\n'));
    rig.tokens.answers = [new BrokerError('issuer_unreachable', 'Down.')];
    assert.equal(await post(path, capability()), 202);
    await settled(() => text.includes('isError'));
    assert.match(text, /"isError":true/);
    outgoing.destroy();
  });
});
