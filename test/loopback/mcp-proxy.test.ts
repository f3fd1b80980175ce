import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { BrokerError } from '../../src/core/errors.js';
import type { ServerId } from '../../src/core/server.js';
import { settled, errorIn, toolCall, useProxy } from '../support/proxy-rig.js';

const refused = new BrokerError('grant_refused', 'Dead.');

describe('the MCP proxy', () => {
  const rig = useProxy();
  const { id } = rig;
  const send = rig.send.bind(rig);
  const isError = errorIn;

  it('puts the token in the place of the capability, and hands on both ways', async () => {
    rig.handle = (_req, res, body) => res.writeHead(202, { 'x-answer': '1' }).end(body.toUpperCase());
    const { status, headers, text } = await send({ a: 'ä' });
    assert.deepEqual([status, headers['x-answer'], text], [202, '1', '{"A":"Ä"}']);
    assert.deepEqual(
      rig.seen.map(({ method, authorization, body }) => [method, authorization, body]),
      [['POST', 'Bearer token-1', '{"a":"ä"}']],
    );
    assert.deepEqual(rig.tokens.asked, [`accessToken ${id} -`]);
  });

  it('keeps one connection to the server for calls in a row', async () => {
    for (let n = 0; n < 5; n++) await send();
    assert.equal(rig.connections.size, 1);
  });

  const pieces = ['{"jsonrpc":"2.0",', '"id":1,', '"result":{"tools":[]}}'];
  const text = pieces.join('');
  const comings: readonly (readonly [string, (res: ServerResponse) => void])[] = [
    ['whole', (res) => res.writeHead(200, { 'content-length': text.length }).end(text)],
    [
      'in pieces that are there at once',
      (res) => {
        for (const piece of pieces) res.write(piece);
        res.end();
      },
    ],
    [
      'in pieces, one after the other',
      (res) => {
        for (const [at, piece] of pieces.entries()) setTimeout(() => res.write(piece), 5 * at);
        setTimeout(() => res.end(), 5 * pieces.length);
      },
    ],
    ['with nothing in it', (res) => res.end()],
  ];
  for (const [how, answer] of comings) {
    for (const method of ['tools/call', 'tools/list']) {
      it(`hands on an answer to ${method} that comes ${how}`, async () => {
        rig.handle = (_req, res) => answer(res);
        const given = await send({ jsonrpc: '2.0', id: 1, method });
        assert.deepEqual([given.status, given.text], [200, how === 'with nothing in it' ? '' : text]);
      });
    }
  }

  it('serves nobody elsewhere, and reveals nothing', async () => {
    const { port } = new URL(rig.proxy.endpoint(id)?.url ?? '');
    for (const path of [
      '/',
      '/mcp',
      '/mcp/',
      '/mcp/other',
      `${new URL(rig.proxy.endpoint(id)?.url ?? '').pathname}?x`,
    ]) {
      const capability = rig.proxy.endpoint(id)?.capability.reveal() ?? '';
      const headers = { authorization: `Bearer ${capability}` };
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: '{}' });
      assert.deepEqual([answer.status, await answer.text()], [404, '']);
    }
    assert.deepEqual([rig.seen, rig.tokens.asked], [[], []]);
  });

  it('keeps the endpoint of a server that stays, and gives each its own capability', () => {
    const other = 'other' as ServerId;
    const before = rig.proxy.endpoint(id);
    rig.proxy.setServers([
      { id, url: rig.url, auth: { scopes: ['a'] } },
      { id: other, url: rig.url, auth: {} },
    ]);
    assert.equal(rig.proxy.endpoint(id)?.capability.reveal(), before?.capability.reveal());
    assert.equal(rig.proxy.endpoint(id)?.url, before?.url);
    assert.notEqual(rig.proxy.endpoint(other)?.capability.reveal(), before?.capability.reveal());
    rig.proxy.setServers([{ id: other, url: rig.url, auth: {} }]);
    assert.equal(rig.proxy.endpoint(id), undefined);
    rig.proxy.setServers([{ id, url: rig.url, auth: {} }]);
    assert.notEqual(rig.proxy.endpoint(id)?.capability.reveal(), before?.capability.reveal());
  });

  for (const [what, leave] of [
    ['whose account is signed out', () => rig.proxy.signedOut(rig.id)],
    [
      'that is at another address',
      () => rig.proxy.setServers([{ id: rig.id, url: rig.url.replace('/mcp', '/other'), auth: {} }]),
    ],
  ] as const)
    it(`hears no server any more ${what}, while what waits for the user goes on waiting`, async () => {
      let isHeard = true;
      rig.handle = (_req, res) => {
        res.on('close', () => (isHeard = false));
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      };
      const { answered } = rig.begin('', { accept: 'text/event-stream', 'mcp-session-id': 's' }, 'GET');
      (await answered).on('error', () => undefined).resume();
      rig.tokens.answers = [refused];
      rig.tokens.signIn = () => new Promise(() => undefined);
      const waiting = rig.begin(JSON.stringify(toolCall), { accept: 'application/json, text/event-stream' });
      await rig.clock.armed(2_000);
      rig.clock.advance(2_000);
      const held = await waiting.answered;
      await leave();
      await settled(() => !isHeard);
      assert.deepEqual([isHeard, held.destroyed], [false, false]);
      rig.clock.advance(118_000);
      assert.match((await held.toArray()).join(''), /explained: sign in/);
    });

  it('hears no server whose account is signed out while the proof for a stream of it is made', async () => {
    let prove: (() => void) | undefined;
    const lend = rig.tokens.accessToken.bind(rig.tokens);
    rig.tokens.accessToken = async (...asked) => ({
      ...(await lend(...asked)),
      prove: async () => {
        await new Promise<void>((resolve) => (prove = resolve));
        return { header: 'proof', noted: () => Promise.resolve() };
      },
    });
    let isHeard = false;
    rig.handle = (_req, res) => {
      isHeard = true;
      res.on('close', () => (isHeard = false));
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    };
    const { answered } = rig.begin('', { accept: 'text/event-stream', 'mcp-session-id': 's' }, 'GET');
    const ended = answered.then(
      (answer) => once(answer.on('error', () => undefined).resume(), 'close'),
      () => undefined,
    );
    await settled(() => prove !== undefined);
    await rig.proxy.signedOut(rig.id);
    prove?.();
    await ended;
    await settled(() => !isHeard);
    assert.equal(isHeard, false);
  });

  it('leaves no connection behind to a server with a status that there is not', async () => {
    const open = new Set<Socket>();
    const odd = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
      socket.once('data', () =>
        socket.write(`HTTP/1.1 099 Odd\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(99)}`),
      );
    });
    odd.listen(0, '127.0.0.1');
    await once(odd, 'listening');
    const url = `http://127.0.0.1:${(odd.address() as AddressInfo).port}/mcp`;
    rig.tokens.resource = () => url;
    rig.proxy.setServers([{ id, url, auth: {} }]);
    assert.equal(isError(await send()), 'result');
    await settled(() => open.size === 0);
    assert.equal(open.size, 0);
    odd.close();
  });

  it('hears no server any more that is gone', async () => {
    let isHeard = true;
    rig.handle = (_req, res) => {
      res.on('close', () => (isHeard = false));
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    };
    const headers = { accept: 'text/event-stream', 'mcp-session-id': 's-1' };
    const { answered, outgoing } = rig.begin('', headers, 'GET');
    outgoing.on('error', () => undefined);
    (await answered).on('error', () => undefined);
    rig.proxy.setServers([{ id: 'other' as ServerId, url: rig.url, auth: {} }]);
    await settled(() => !isHeard);
    assert.equal(isHeard, false);
  });

  describe('when the server answers 401', () => {
    const only = (good: string) => (req: IncomingMessage, res: ServerResponse) => {
      const isGood = req.headers.authorization === `Bearer ${good}`;
      res.writeHead(isGood ? 200 : 401, isGood ? {} : { 'www-authenticate': 'Bearer error="invalid_token"' });
      res.end(isGood ? '{"ok":true}' : 'no');
    };

    it('asks once for a newer token and sends the same request again', async () => {
      rig.handle = only('token-2');
      rig.tokens.answers = ['token-1', 'token-2'];
      const { status, headers, text } = await send(toolCall, { 'mcp-session-id': 's-1' });
      assert.deepEqual([status, text, headers['www-authenticate']], [200, '{"ok":true}', undefined]);
      assert.deepEqual(rig.tokens.asked, [`accessToken ${id} s-1`, `newerToken ${id} s-1 token-1`]);
      assert.equal(rig.seen[0]?.body, rig.seen[1]?.body);
    });

    it('gives up after the second refusal, in words', async () => {
      rig.handle = only('token-3');
      rig.tokens.answers = ['token-1', 'token-2'];
      const answer = await send();
      assert.deepEqual([answer.status, isError(answer), rig.seen.length], [200, 'result', 2]);
    });

    it('does not send twice what is too large to be kept', async () => {
      rig.handle = only('token-2');
      rig.tokens.answers = ['token-1', 'token-2'];
      const answer = await send(Buffer.alloc(1_048_577, ' '));
      assert.deepEqual([answer.status, rig.seen.length], [413, 1]);
    });

    it('passes a large body through when the token is good', async () => {
      const { status } = await send(Buffer.alloc(3_000_000, ' '));
      assert.deepEqual([status, rig.seen[0]?.body.length], [200, 3_000_000]);
    });
  });

  describe('when the server answers 403', () => {
    const challenge = 'Bearer error="insufficient_scope", scope="b"';
    beforeEach(() => {
      rig.handle = (req, res) => {
        if (req.headers.authorization === 'Bearer token-2') res.writeHead(200).end('{"ok":true}');
        else res.writeHead(403, { 'www-authenticate': challenge }).end();
      };
      rig.tokens.answers = ['token-1', 'token-2'];
    });

    it('asks once for a token that may do more, and sends the same request again', async () => {
      rig.tokens.allow = () => Promise.resolve();
      const { status, text } = await send();
      assert.deepEqual([status, text], [200, '{"ok":true}']);
      assert.deepEqual(rig.tokens.asked, [`accessToken ${id} -`, `widerToken ${id} token-1 ${challenge}`]);
      assert.equal(rig.seen[0]?.body, rig.seen[1]?.body);
    });

    it('ends in words when the user has not allowed it in time', async () => {
      rig.tokens.allow = (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      const answer = send();
      await rig.clock.armed(120_000);
      rig.clock.advance(120_000);
      assert.match((await answer).text, /scope_required|more permissions/);
    });
  });

  const blocked = [
    ['403', 403, 'access_forbidden'],
    ['301', 301, 'redirect_refused'],
    ['307', 307, 'redirect_refused'],
  ] as const;
  for (const [what, status, code] of blocked) {
    it(`turns ${what} into an error of the call`, async () => {
      rig.handle = (_req, res) => res.writeHead(status, { location: 'https://attacker.example/' }).end();
      const answer = await send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
      assert.deepEqual([answer.status, isError(answer), answer.headers.location], [200, { code }, undefined]);
      assert.equal(rig.seen.length, 1);
    });
  }

  for (const status of [304, 400, 404, 405, 429, 500, 503]) {
    it(`hands on ${status}`, async () => {
      rig.handle = (_req, res) => res.writeHead(status, { 'retry-after': '7' }).end();
      const answer = await send();
      assert.deepEqual([answer.status, answer.headers['retry-after']], [status, '7']);
    });
  }

  it('says that the server does not answer, and sends nothing a second time', async () => {
    rig.handle = (req) => req.socket.destroy();
    assert.equal(isError(await send()), 'result');
    assert.equal(rig.seen.length, 1);
    assert.match(rig.log.at('warn')[0] ?? '', /server_unreachable/);
  });

  describe('notes sessions', () => {
    it('that `initialize` opens, for the account whose token it carried', async () => {
      rig.handle = (_req, res) => res.writeHead(200, { 'mcp-session-id': 's-9' }).end('{}');
      await send({ ...toolCall, method: 'initialize' });
      await send(toolCall, { 'mcp-session-id': 's-9' });
      assert.deepEqual(rig.tokens.asked, [
        ...[`accessToken ${id} -`, `accessToken ${id} -`],
        `sessionOpened ${id} s-9 alice@example.com`,
        `accessToken ${id} s-9`,
      ]);
    });

    it('that begin packed, which nobody reads here, and none of what is packed in a session', async () => {
      const packed = gzipSync(JSON.stringify({ ...toolCall, method: 'initialize' }));
      const named = async (more: Record<string, string>, status = 200) => {
        rig.handle = (_req, res) => res.writeHead(status, { 'mcp-session-id': 's-9' }).end('{}');
        return (await send(packed, { ...more, 'content-encoding': 'gzip' })).headers['mcp-session-id'];
      };
      assert.deepEqual(
        [await named({}), await named({}, 400), await named({ 'mcp-session-id': 's-1' })],
        ['s-9', undefined, 's-1'],
      );
      assert.deepEqual(
        rig.tokens.asked.filter((line) => line.startsWith('sessionOpened')),
        [`sessionOpened ${id} s-9 alice@example.com`],
      );
    });

    it('but no other name for one that has begun, of which the client does not hear either', async () => {
      rig.handle = (_req, res) => res.writeHead(200, { 'mcp-session-id': 's-2', 'x-other': 'o' }).end('{}');
      const { headers } = await send(toolCall, { 'mcp-session-id': 's-1' });
      assert.deepEqual([headers['mcp-session-id'], headers['x-other']], ['s-1', 'o']);
      assert.deepEqual(rig.tokens.asked, [`accessToken ${id} s-1`]);
    });

    it('and forgets none, since only the server knows which is over for all of its clients', async () => {
      rig.handle = (req, res) => res.writeHead(req.method === 'DELETE' ? 204 : 404).end();
      const inSession = { 'mcp-session-id': 's-1' };
      for (const method of ['POST', 'GET', 'DELETE']) await send(toolCall, inSession, method);
      assert.deepEqual(
        rig.tokens.asked,
        [1, 2, 3].map(() => `accessToken ${id} s-1`),
      );
    });

    it('of another account with 404, so that the client opens a new one', async () => {
      rig.tokens.answers = [new BrokerError('session_account_changed', 'Changed.')];
      const { status, text } = await send(toolCall, { 'mcp-session-id': 's-1' });
      assert.deepEqual([status, text, rig.seen], [404, '', []]);
    });
  });

  describe('when only the user can help', () => {
    for (const because of [refused, new BrokerError('storage_locked', 'It is locked.')]) {
      it(`waits, and lets the same call go on: ${because.code}`, async () => {
        let signIn: () => void = () => undefined;
        rig.tokens.signIn = () => new Promise((resolve) => (signIn = resolve));
        rig.tokens.answers = [because, 'token-2'];
        const answering = send();
        await rig.clock.armed(120_000);
        signIn();
        assert.equal((await answering).text, '{"ok":true}');
        assert.deepEqual(rig.tokens.asked, [`accessToken ${id} -`, `signedIn ${id}`, `accessToken ${id} -`]);
      });
    }

    it('ends in words when the limit is reached', async () => {
      rig.tokens.signIn = (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      rig.tokens.answers = [refused];
      const answering = send();
      await rig.clock.armed(120_000);
      rig.clock.advance(120_000);
      const answer = await answering;
      assert.equal(isError(answer), 'result');
      assert.match(answer.text, /explained: sign in/);
    });

    it('stops waiting when the caller hangs up', async () => {
      const gone = new Promise<void>((resolve) => {
        rig.tokens.signIn = (signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              resolve();
              reject(signal.reason as Error);
            });
          });
      });
      rig.tokens.answers = [refused];
      const { outgoing, answered } = rig.begin(JSON.stringify(toolCall));
      answered.catch(() => undefined);
      await rig.clock.armed(120_000);
      outgoing.destroy();
      await gone;
      while (rig.clock.pending.length > 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(rig.seen, []);
    });

    it('does not wait to end a session', async () => {
      rig.tokens.answers = [refused];
      assert.equal((await send(undefined, { 'mcp-session-id': 's-1' }, 'DELETE')).status, 204);
    });

    it('does not wait when waiting does not help', async () => {
      rig.tokens.answers = [new BrokerError('issuer_unreachable', 'Down.')];
      assert.deepEqual(isError(await send({ jsonrpc: '2.0', id: 1, method: 'ping' })), {
        code: 'issuer_unreachable',
      });
    });
  });

  it('hands on a stream event by event', async () => {
    let more: () => void = () => undefined;
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      more = () => res.end('data: 2\n\n');
    };
    const answer = await rig.begin(JSON.stringify(toolCall)).answered;
    const events = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    assert.equal(String((await events.next()).value), 'data: 1\n\n');
    more();
    assert.equal(String((await events.next()).value), 'data: 2\n\n');
    assert.ok((await events.next()).done);
  });

  it('hands on the headers of a stream before its first event', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    };
    const { outgoing, answered } = rig.begin('', { accept: 'text/event-stream' }, 'GET');
    assert.equal((await answered).statusCode, 200);
    outgoing.destroy();
  });

  it('ends the request to the server when the caller hangs up, before and in the answer', async () => {
    for (const isStreaming of [false, true]) {
      const closed = new Promise((resolve) => {
        rig.handle = (_req, res) => {
          res.on('close', resolve);
          if (isStreaming) res.writeHead(200).write('data: 1\n\n');
        };
      });
      const { outgoing, answered } = rig.begin(JSON.stringify(toolCall));
      answered.catch(() => undefined);
      if (isStreaming) await once(await answered, 'data');
      else while (rig.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
      outgoing.on('error', () => undefined).destroy();
      await closed;
    }
  });

  it('breaks off its answer when the server does, so that half is not taken for whole', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n', () => res.destroy());
    };
    const answer = await rig.begin(JSON.stringify(toolCall)).answered;
    await assert.rejects(answer.toArray(), /aborted/);
  });

  it('sends no token to another address than it is for', async () => {
    Object.assign(rig.tokens, { resource: () => 'https://other.example.com/mcp' });
    assert.equal(isError(await send()), 'result');
    assert.deepEqual(rig.seen, []);
  });

  it('writes no token and no capability into the log', async () => {
    rig.handle = (req) => req.socket.destroy();
    await send();
    const capability = rig.proxy.endpoint(id)?.capability.reveal() ?? '';
    assert.ok(
      rig.log.text.length > 0 && !rig.log.text.includes(capability) && !rig.log.text.includes('token-1'),
    );
  });
});
