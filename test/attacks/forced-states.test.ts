import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { BrokerError } from '../../src/core/errors.js';
import { errorIn, settled, toolCall, useProxy } from '../support/proxy-rig.js';
import { TokensOnTable } from '../support/tokens-on-table.js';

/** What a server or a client can do to bring the proxy into a state that it was not made for. */
describe('a proxy between odd servers and odd clients', () => {
  const rig = useProxy();
  const accept = { accept: 'application/json, text/event-stream' };
  const nobody = new BrokerError('sign_in_required', 'Nobody.');
  const deep = '['.repeat(50_000) + ']'.repeat(50_000);

  it('asks for a readable answer as soon as a stream of its own may begin', async () => {
    rig.tokens.answers = [nobody];
    let signedIn = (): void => undefined;
    rig.tokens.signIn = () => new Promise((resolve) => (signedIn = resolve));
    let release = (): void => undefined;
    rig.handle = (req, res) => {
      const isPacked = req.headers['accept-encoding'] === 'gzip';
      const answer = '{"jsonrpc":"2.0","id":1,"result":{}}';
      release = () =>
        res
          .writeHead(200, {
            'content-type': 'application/json',
            ...(isPacked && { 'content-encoding': 'gzip' }),
          })
          .end(isPacked ? gzipSync(answer) : answer);
    };
    const { answered } = rig.begin(JSON.stringify(toolCall), { ...accept, 'accept-encoding': 'gzip' });
    await rig.clock.armed(2_000);
    rig.clock.advance(1_000);
    rig.tokens.answers = ['token-2'];
    signedIn();
    await settled(() => rig.seen.length === 1);
    rig.clock.advance(1_500);
    const answer = await answered;
    release();
    const text = (await answer.toArray()).join('');
    assert.match(text, /data: \{"jsonrpc":"2\.0","id":1,"result":\{\}\}\n\n$/);
  });

  it('keeps nothing alive for a caller that left while the token was asked for', async () => {
    let fail: ((error: Error) => void) | undefined;
    rig.tokens.accessToken = () => new Promise((_resolve, reject) => (fail = reject));
    rig.tokens.signIn = (signal) => {
      signal.throwIfAborted();
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    };
    const { outgoing, answered } = rig.begin(JSON.stringify(toolCall), accept);
    const failing = assert.rejects(answered);
    await settled(() => fail !== undefined);
    outgoing.destroy();
    await failing;
    // Until the other end has heard of it.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    fail?.(nobody);
    await settled(() => rig.clock.pending.length === 0);
    rig.clock.advance(2_000);
    assert.deepEqual(rig.clock.pending, []);
  });

  it('breaks off a list that is nested too deeply to be shown without what is hidden', async () => {
    rig.proxy.setServers([
      { id: rig.id, url: rig.url, auth: {}, rules: [[{ pattern: 'tools/x', effect: 'never', scopes: [] }]] },
    ]);
    const list = `{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"x"},${deep}]}}`;
    for (const [type, body] of [
      ['application/json', list],
      ['text/event-stream', `data: ${list}\n\n`],
    ] as const) {
      rig.handle = (_req, res) => res.writeHead(200, { 'content-type': type }).end(body);
      await assert.rejects(
        rig.send(
          { jsonrpc: '2.0', id: 3, method: 'tools/list', params: { tag: 'one that is not remembered' } },
          accept,
        ),
        /aborted|hang up/,
      );
    }
    rig.handle = (_req, res) => res.writeHead(202).end();
    assert.equal((await rig.send({ jsonrpc: '2.0', method: 'notifications/x' })).status, 202);
  });

  it('answers a failing request whose id is none', async () => {
    rig.tokens.answers = [new BrokerError('issuer_unreachable', 'Down.')];
    const body = Buffer.from(`{"jsonrpc":"2.0","method":"x","id":${deep}}`);
    const answer = await rig.send(body, accept);
    assert.deepEqual(errorIn(answer), { code: 'issuer_unreachable' });
    assert.equal((JSON.parse(answer.text) as { id: unknown }).id, null);
  });

  it('ends the connection on which a large request was refused before it had come', async () => {
    const server = createServer((_req, res) => res.writeHead(401, { 'content-length': '0' }).end());
    let open = 0;
    server.on('connection', (socket) => {
      open++;
      socket.on('close', () => open--).on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    await rig.close();
    await rig.open({ tokens: new TokensOnTable(() => url) });
    rig.proxy.setServers([{ id: rig.id, url, auth: {} }]);
    for (let count = 0; count < 3; count++) {
      const answer = await rig.send(Buffer.from(JSON.stringify({ ...toolCall, pad: 'x'.repeat(6_000_000) })));
      assert.deepEqual(errorIn(answer), { code: 'token_rejected' });
    }
    await settled(() => open === 0);
    assert.equal(open, 0);
    server.close();
  });

  it('says of a request how long it is, as the caller did, and nothing of one that has no body', async () => {
    const large = Buffer.from(JSON.stringify({ ...toolCall, pad: 'x'.repeat(2_000_000) }));
    await rig.send(large, { 'content-length': String(large.length) });
    const [sent] = rig.seen;
    const sentAs = sent?.headers ?? {};
    assert.equal(sentAs['content-length'], String(large.length));
    assert.equal(sentAs['transfer-encoding'], undefined);
    for (const method of ['GET', 'DELETE']) {
      await rig.send('', {}, method);
      const last = rig.seen.at(-1)?.headers;
      assert.deepEqual([last?.['content-length'], last?.['transfer-encoding']], [undefined, undefined]);
    }
  });

  it('does not repeat a call that a header alone calls a subscription', async () => {
    rig.handle = (req) => req.socket.destroy();
    const answer = await rig.send(toolCall, { ...accept, 'mcp-method': 'subscriptions/listen' });
    assert.equal(errorIn(answer), 'result');
    assert.equal(rig.seen.length, 1);
  });

  it('refuses a request of two sessions', async () => {
    const { answered } = rig.begin(JSON.stringify(toolCall), {
      ...accept,
      'mcp-session-id': ['of-alice', 'of-bob'] as unknown as string,
    });
    const answer = await answered;
    answer.resume();
    assert.equal(answer.statusCode, 404);
    assert.equal(rig.seen.length, 0);
  });

  it('has a place for those who are welcome, however many strangers hold theirs', async function () {
    this.timeout(20_000);
    // Kept open by the client that it belongs to.
    await rig.send();
    const { port } = new URL(rig.proxy.endpoint(rig.id)?.url ?? '');
    const strangers: Socket[] = [];
    try {
      for (let count = 0; count < 2_200; count++) {
        const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
        strangers.push(socket);
        await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
      }
      for (let count = 0; count < 3; count++) {
        const { answered } = rig.begin(JSON.stringify(toolCall), { connection: 'close' });
        const answer = await answered;
        answer.resume();
        assert.equal(answer.statusCode, 200);
      }
      await settled(() => strangers.filter(({ closed }) => !closed).length <= 256);
      assert.ok(strangers.filter(({ closed }) => !closed).length <= 256);
    } finally {
      for (const socket of strangers) socket.destroy();
    }
  });
});
