import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { BrokerError } from '../../../src/core/errors.js';
import { noServerMemory } from '../../../src/core/server-memory.js';
import { settled, toolCall } from '../../support/proxy-rig.js';
import {
  accept,
  bob,
  initialize,
  MemoryOnTable,
  resultOf,
  rpc,
  useRemembered,
} from '../../support/remembered-rig.js';

const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
const discover = rpc(1, 'server/discover', { _meta: meta });

describe('a server that said before what it offers', () => {
  const rig = useRemembered();

  for (const wire of ['JSON', 'events']) {
    it(`is answered for from that, heard as ${wire}, while nobody is signed in`, async () => {
      rig.isStreaming = wire === 'events';
      await rig.learn();
      rig.signOut();
      const opened = await rig.send(initialize, accept);
      assert.match(String(opened.headers['mcp-session-id']), /^mcp-credentials-local-/);
      assert.deepEqual(resultOf(opened)['serverInfo'], { name: 's', version: '1' });
      const inSession = await rig.beginLocally();
      const first = resultOf(await rig.send(rpc('x', 'tools/list'), inSession));
      assert.deepEqual(first, { tools: [{ name: 'a' }, { name: 'b' }], nextCursor: '2' });
      const second = resultOf(await rig.send(rpc('y', 'tools/list', { cursor: '2' }), inSession));
      assert.deepEqual(second, { tools: [{ name: 'c' }] });
      assert.deepEqual(resultOf(await rig.send(rpc(5, 'ping'), inSession)), {});
      assert.deepEqual(rig.seen, []);
      assert.ok(
        !rig.tokens.asked.some((line) => line.startsWith('signedIn')),
        'Nobody was asked to sign in.',
      );
    });
  }

  it('gets the first call after the sign-in, in a session that the client’s own words open', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    await rig.send(rpc(4, 'logging/setLevel', { level: 'debug' }), inSession);
    await rig.send(rpc(1, 'tools/list'), inSession);
    await rig.send(rpc(1, 'tools/list', { cursor: '2' }), inSession);
    const calls = [7, 8].map((id) =>
      rig.send({ ...toolCall, id }, { ...inSession, accept: 'application/json' }),
    );
    await settled(() => rig.tokens.asked.filter((line) => line.startsWith('signedIn')).length === 2);
    rig.signIn();
    for (const answer of await Promise.all(calls)) {
      assert.equal(answer.status, 200);
      assert.equal(resultOf(answer)['done'], 'tools/call');
      assert.equal(answer.headers['mcp-session-id'], inSession['mcp-session-id']);
    }
    const sent = rig.seen.map(({ body, headers }) => {
      const { method, id } = JSON.parse(body) as { method: string; id?: unknown };
      return [method, id, headers['mcp-session-id'], headers['mcp-protocol-version']];
    });
    assert.deepEqual(JSON.parse(rig.seen[0]?.body ?? ''), initialize);
    assert.deepEqual(sent, [
      ['initialize', 0, undefined, undefined],
      ['notifications/initialized', undefined, 'up-1', '2025-11-25'],
      ['logging/setLevel', 4, 'up-1', '2025-11-25'],
      ['tools/list', 'mcp-credentials-tools/list-0', 'up-1', '2025-11-25'],
      ['tools/list', 'mcp-credentials-tools/list-1', 'up-1', '2025-11-25'],
      ['tools/call', 7, 'up-1', '2025-11-25'],
      ['tools/call', 8, 'up-1', '2025-11-25'],
    ]);
    assert.ok(rig.tokens.asked.includes(`sessionOpened ${rig.id} up-1 alice@example.com`));
    assert.equal(rig.proxy.isInUse(rig.id), true);
    assert.equal((await rig.send('', inSession, 'DELETE')).status, 202);
    assert.equal(rig.proxy.isInUse(rig.id), false);
  });

  it('has what changed told on the client’s stream, before the server speaks on it', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    const { answered, outgoing } = rig.begin('', { ...inSession, accept: 'text/event-stream' }, 'GET');
    await rig.send(rpc(1, 'tools/list'), inSession);
    const call = rig.send(toolCall, inSession);
    await settled(() => rig.tokens.asked.filter((line) => line.startsWith('signedIn')).length === 2);
    rig.tools.push({ name: 'd' });
    rig.signIn();
    assert.equal((await call).headers['content-type'], 'application/json');
    let text = '';
    for await (const chunk of await answered) {
      text += String(chunk);
      if (text.includes('hello')) break;
    }
    assert.equal(
      text,
      'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\ndata: {"hello":1}\n\n',
    );
    outgoing.destroy();
  });

  it('has what changed told before the answer to the call, when the client has no stream', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    await rig.send(rpc(1, 'tools/list'), inSession);
    const call = rig.send(toolCall, inSession);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn')));
    rig.tools = [{ name: 'z' }];
    rig.signIn();
    const { text, headers } = await call;
    assert.equal(headers['content-type'], 'text/event-stream');
    assert.match(text, /tools\/list_changed.*\n\nevent: message\ndata: .*"done":"tools\/call"/);
    assert.deepEqual(resultOf(await rig.send(rpc(2, 'tools/list'), inSession)), { tools: rig.tools });
  });

  it('makes the client begin anew when it has other abilities than the client was told', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    const call = rig.send(toolCall, inSession);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn')));
    rig.capabilities = { prompts: {} };
    rig.signIn();
    assert.equal((await call).status, 404);
    assert.equal((await rig.send(toolCall, inSession)).status, 404);
    assert.deepEqual(resultOf(await rig.send(initialize, accept))['capabilities'], { prompts: {} });
  });

  it('ends a session of another account with 404', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    const call = rig.send(toolCall, inSession);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn')));
    rig.signIn();
    await call;
    rig.tokens.answers = [new BrokerError('session_account_changed', 'Changed.')];
    assert.equal((await rig.send(toolCall, inSession)).status, 404);
    rig.tokens.answers = ['token-3'];
    assert.equal((await rig.send(toolCall, inSession)).status, 404);
  });

  it('lets the next call open the session when the first caller leaves meanwhile', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    const leaving = rig.begin(JSON.stringify(toolCall), inSession);
    leaving.answered.catch(() => undefined);
    await settled(() => rig.tokens.asked.filter((line) => line.startsWith('signedIn')).length === 1);
    const staying = rig.send({ ...toolCall, id: 9 }, inSession);
    await settled(() => rig.tokens.asked.filter((line) => line.startsWith('signedIn')).length === 2);
    let hold: (() => void) | undefined;
    rig.handle = (req, res, body) => {
      hold = () => rig.serve(req, res, body);
    };
    rig.signIn();
    await settled(() => hold !== undefined);
    rig.handle = (...request) => rig.serve(...request);
    leaving.outgoing.on('error', () => undefined).destroy();
    assert.equal(resultOf(await staying)['done'], 'tools/call');
  });

  it('is ended by the client without the server', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    assert.equal((await rig.send('', inSession, 'DELETE')).status, 204);
    assert.equal((await rig.send(toolCall, inSession)).status, 404);
    assert.deepEqual(rig.seen, []);
  });

  it('is not asked so that a session can be ended of which it has not heard', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    rig.signIn();
    assert.equal((await rig.send('', inSession, 'DELETE')).status, 204);
    assert.deepEqual(rig.seen, []);
    assert.equal(rig.proxy.isInUse(rig.id), false);
  });

  for (const [how, refuse] of [
    ['lets no client end one', (res) => res.writeHead(405).end()],
    ['fails at it', (res) => res.writeHead(503).end()],
    ['cannot be reached', (res) => res.destroy()],
  ] as readonly (readonly [string, (res: ServerResponse) => unknown])[]) {
    it(`has a session of ours ended by the client although it ${how}`, async () => {
      await rig.learn();
      rig.signOut();
      const inSession = await rig.beginLocally();
      rig.signIn();
      await rig.send(toolCall, inSession);
      assert.equal(rig.proxy.isInUse(rig.id), true);
      rig.handle = (_req, res) => refuse(res);
      await rig.send('', inSession, 'DELETE');
      assert.equal(rig.proxy.isInUse(rig.id), false);
    });
  }

  it('is asked itself as soon as somebody is signed in, although nothing was called', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    rig.signIn();
    rig.tools = [{ name: 'z' }];
    assert.deepEqual(resultOf(await rig.send(rpc(1, 'tools/list'), inSession)), { tools: rig.tools });
  });

  it('is remembered by the first answer on a stream that it leaves open', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'up-1' });
      const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: '✎' } };
      const event = Buffer.from(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 0, result })}\n\n`);
      const half = event.indexOf('✎') + 1;
      res.write(event.subarray(0, half));
      res.write(event.subarray(half));
    };
    const { answered, outgoing } = rig.begin(JSON.stringify(initialize), accept);
    (await answered).on('error', () => undefined).resume();
    await settled(() => Object.keys(rig.memory.kept).length === 1);
    assert.match(JSON.stringify(rig.memory.kept), /✎/);
    rig.handle = (...request) => rig.serve(...request);
    await rig.send(toolCall, { ...accept, 'mcp-session-id': 'up-1' });
    assert.equal(rig.seen.at(-1)?.headers['mcp-protocol-version'], '2025-11-25');
    outgoing.on('error', () => undefined).destroy();
  });

  it('is not begun for a client that speaks another version', async () => {
    await rig.learn();
    rig.signOut();
    const other = { ...initialize, params: { ...initialize.params, protocolVersion: '2025-06-18' } };
    const answer = rig.send(other, accept);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn')));
    rig.signIn();
    assert.equal((await answer).headers['mcp-session-id'], 'up-1');
  });

  for (const [how, refuse] of [
    ['a status', (res) => res.writeHead(400).end('Bad Request: no session')],
    [
      'an error',
      (res) =>
        res
          .writeHead(200, { 'content-type': 'application/json' })
          .end('{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'),
    ],
  ] as readonly (readonly [string, (res: ServerResponse) => unknown])[]) {
    it(`is said not to know the newer way of asking, when it said so by ${how}`, async () => {
      rig.handle = (_req, res) => refuse(res);
      await rig.send(discover, accept);
      rig.handle = (...request) => rig.serve(...request);
      await rig.learn(2);
      rig.signOut();
      const { text } = await rig.send(discover, accept);
      assert.equal((JSON.parse(text) as { error: { code: number } }).error.code, -32_601);
      assert.deepEqual(rig.seen, []);
    });
  }

  it('is asked itself in the newer way, when it was only ever asked in the older', async () => {
    await rig.learn();
    rig.signOut();
    const { answered, outgoing } = rig.begin(JSON.stringify(discover), accept);
    answered.catch(() => undefined);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn')));
    outgoing.on('error', () => undefined).destroy();
    assert.ok(rig.tokens.asked.some((line) => line.startsWith('signedIn')));
  });

  it('is asked itself in the newer way, when it named the versions that it speaks', async () => {
    rig.handle = (_req, res) =>
      res
        .writeHead(400, { 'content-type': 'application/json' })
        .end(
          '{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"","data":{"supported":["2027-01-01"]}}}',
        );
    await rig.send(discover, accept);
    rig.handle = (...request) => rig.serve(...request);
    await rig.learn();
    assert.equal(await rig.proxy.remembers(rig.id), true);
    assert.ok(!Object.keys(rig.memory.kept).some((name) => name.includes('discover')));
  });

  it('is remembered to know the newer way of asking, whatever a gateway says for it later', async () => {
    rig.handle = (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"]}}');
    await rig.send(discover, accept);
    await settled(() => Object.keys(rig.memory.kept).length === 1);
    for (const status of [400, 404, 405]) {
      rig.handle = (_req, res) =>
        res.writeHead(status, { 'content-type': 'text/html' }).end('<html>No such route.</html>');
      await rig.send(discover, accept);
    }
    // What is kept is written in order, so this comes after whatever the pages have led to.
    rig.handle = (...request) => rig.serve(...request);
    await rig.learn(2);
    rig.signOut();
    assert.equal(await rig.proxy.remembers(rig.id), true);
    assert.deepEqual(resultOf(await rig.send(discover, accept)), { supportedVersions: ['2026-07-28'] });
  });

  it('cannot begin with that it does not know the newer way of asking', async () => {
    rig.handle = (_req, res) => res.writeHead(404).end();
    await rig.send(discover, accept);
    await settled(() => Object.keys(rig.memory.kept).length === 1);
    assert.equal(await rig.proxy.remembers(rig.id), false);
  });

  it('is not remembered by an answer that wants something first', async () => {
    rig.handle = (_req, res, body) => {
      const { id, method } = JSON.parse(body) as { id: unknown; method: string };
      const resultType = method === 'tools/list' ? 'input_required' : 'complete';
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType, ttlMs: 0 } }));
    };
    await rig.send(rpc(1, 'tools/list', { _meta: meta }), accept);
    await rig.send(rpc(1, 'prompts/list', { _meta: meta }), accept);
    await settled(() => Object.keys(rig.memory.kept).length > 0);
    assert.deepEqual(Object.keys(rig.memory.kept), ['["prompts/list","","2026-07-28"]']);
  });

  it('is remembered without our token, and not beyond its size', async () => {
    rig.tools = [{ name: 'token-1' }];
    await rig.send(initialize, accept);
    const inSession = { ...accept, 'mcp-session-id': 'up-1' };
    await rig.send(rpc(1, 'tools/list'), inSession);
    rig.tools = [{ name: 'x'.repeat(600_000) }];
    await rig.send(rpc(1, 'tools/list'), inSession);
    await rig.send(rpc(1, 'prompts/list'), inSession);
    await settled(() => rig.memory.writes > 1);
    assert.deepEqual(Object.keys(rig.memory.kept), [
      '["initialize","2025-11-25",""]',
      '["prompts/list","",""]',
    ]);
  });

  for (const [how, escaped] of [
    ['slashes', (token: string) => token.replaceAll('/', '\\/')],
    ['code units', (token: string) => token.replace('y', '\\u0079')],
    ['a cut', (token: string) => token.slice(0, 18)],
  ] as const) {
    it(`is not remembered with our token in it, written with ${how}`, async () => {
      const token = 'ya29/token/with/slashes/and/more';
      rig.tokens.answers = [token];
      rig.handle = (_req, res, body) => {
        const { id } = JSON.parse(body) as { id: number };
        const tool = id === 1 ? escaped(token) : 'a';
        res
          .writeHead(200, { 'content-type': 'application/json' })
          .end(`{"jsonrpc":"2.0","id":${id},"result":{"tools":[{"name":"${tool}"}]}}`);
      };
      await rig.send(rpc(1, 'tools/list'), accept);
      await rig.send(rpc(2, 'prompts/list'), accept);
      await settled(() => Object.keys(rig.memory.kept).length > 0);
      assert.deepEqual(Object.keys(rig.memory.kept), ['["prompts/list","",""]']);
    });
  }

  it('is not remembered when it is nested deeper than it can be written', async () => {
    const rejections: unknown[] = [];
    const onRejection = (error: unknown) => rejections.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', onRejection);
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    rig.handle = (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","x":${deep}}}`);
    try {
      assert.equal((await rig.send(initialize, accept)).status, 200);
      await settled(() => rejections.length > 0 || rig.log.at('debug').some((line) => /too deep/.test(line)));
    } finally {
      process.off('unhandledRejection', onRejection);
      for (const other of others) process.on('unhandledRejection', other);
    }
    assert.deepEqual(rejections, []);
    assert.ok(rig.log.at('debug').some((line) => /too deep/.test(line)));
    assert.deepEqual(rig.memory.kept, {});
  });

  describe('whose account is signed out', () => {
    const resources = rpc(1, 'resources/list');
    const isHeldBack = () => rig.tokens.asked.some((line) => line.startsWith('signedIn'));

    /** As *Sign Out* does it. @returns the headers of a session that began before */
    async function signOutByUser(): Promise<Record<string, string>> {
      await rig.learn();
      await rig.send(resources, { ...accept, 'mcp-session-id': 'up-1' });
      await settled(() => Object.keys(rig.memory.kept).some((name) => name.includes('resources')));
      rig.seen.length = 0;
      rig.signOut();
      const inSession = await rig.beginLocally();
      rig.tokens.owner = undefined;
      await rig.proxy.signedOut(rig.id);
      return inSession;
    }

    /** Sends what nothing is remembered for, until somebody is asked to sign in. */
    async function waits(body: unknown, headers: Record<string, string> = accept): Promise<void> {
      rig.tokens.asked.length = 0;
      const { answered, outgoing } = rig.begin(JSON.stringify(body), headers);
      answered.catch(() => undefined);
      await settled(isHeldBack);
      outgoing.on('error', () => undefined).destroy();
      assert.ok(isHeldBack());
    }

    it('begins with what it is and can do, and with nothing that was the account’s own', async () => {
      const before = await signOutByUser();
      assert.equal((await rig.send(toolCall, before)).status, 404);
      assert.ok(!JSON.stringify(rig.memory.kept).includes('resources'));
      assert.equal(await rig.proxy.remembers(rig.id), true);
      const inSession = await rig.beginLocally();
      const { tools: told } = resultOf(await rig.send(rpc(1, 'tools/list'), inSession));
      assert.deepEqual(told, [{ name: 'a' }, { name: 'b' }]);
      await waits(resources, inSession);
      assert.deepEqual(rig.seen, []);
    });

    for (const [what, servers] of [
      ['has another address', () => [{ id: rig.id, url: `${rig.url}?tenant=2`, auth: {} }]],
      ['is configured no more', () => []],
    ] as const) {
      it(`leaves nothing of that behind when it ${what}`, async () => {
        await rig.learn();
        await rig.send(resources, { ...accept, 'mcp-session-id': 'up-1' });
        await settled(() => Object.keys(rig.memory.kept).some((name) => name.includes('resources')));
        rig.proxy.setServers(servers());
        rig.tokens.owner = undefined;
        await rig.proxy.signedOut(rig.id);
        assert.ok(!JSON.stringify(rig.memory.kept).includes('resources'));
      });
    }

    it('tells nothing of its own before the sign-out has been heard of, either', async () => {
      await rig.learn();
      await rig.send(resources, { ...accept, 'mcp-session-id': 'up-1' });
      await settled(() => Object.keys(rig.memory.kept).some((name) => name.includes('resources')));
      rig.signOut();
      rig.tokens.owner = undefined;
      await waits(resources, await rig.beginLocally());
    });

    it('begins so in another window, too', async () => {
      await signOutByUser();
      rig.proxy.dispose();
      const { kept, owner } = rig.memory;
      await rig.close();
      const serverMemory = new MemoryOnTable();
      [serverMemory.kept, serverMemory.owner] = [kept, owner];
      await rig.open({ serverMemory });
      rig.signOut();
      rig.tokens.owner = undefined;
      assert.equal(await rig.proxy.remembers(rig.id), true);
      await rig.beginLocally();
    });

    it('begins so where nothing is to be left behind, for as long as the window lasts', async () => {
      await rig.close();
      await rig.open({ serverMemory: noServerMemory });
      await rig.send(initialize, accept);
      await rig.send(rpc(1, 'tools/list'), { ...accept, 'mcp-session-id': 'up-1' });
      await rig.proxy.remembers(rig.id);
      rig.signOut();
      rig.tokens.owner = undefined;
      await rig.proxy.signedOut(rig.id);
      assert.deepEqual(resultOf(await rig.send(rpc(1, 'tools/list'), await rig.beginLocally()))['tools'], [
        { name: 'a' },
        { name: 'b' },
      ]);
    });

    it('has nothing of it told to another account that is signed in, although its sign-in has ended', async () => {
      await signOutByUser();
      rig.tokens.owner = bob;
      assert.equal(await rig.proxy.remembers(rig.id), false);
      await waits(rpc(1, 'tools/list'));
    });

    it('does not tell of tools that a rule says never to', async () => {
      await signOutByUser();
      const rules = [{ pattern: 'tools/b', effect: 'never', scopes: [] }] as const;
      rig.proxy.setServers([{ id: rig.id, url: rig.url, auth: {}, rules: [rules] }]);
      const { tools: told } = resultOf(await rig.send(rpc(1, 'tools/list'), await rig.beginLocally()));
      assert.deepEqual(told, [{ name: 'a' }]);
    });

    it('is in use as long as a call without a session waits', async () => {
      await signOutByUser();
      assert.equal(rig.proxy.isInUse(rig.id), false);
      const call = rig.send(rpc(2, 'tools/call', { _meta: meta }), { ...accept, 'mcp-session-id': 'up-1' });
      await settled(() => rig.proxy.isInUse(rig.id));
      assert.equal(rig.proxy.isInUse(rig.id), true);
      rig.signIn();
      await call;
      await settled(() => !rig.proxy.isInUse(rig.id));
      assert.equal(rig.proxy.isInUse(rig.id), false);
    });

    it('has it told to the same account again', async () => {
      await signOutByUser();
      rig.tokens.owner = { ...bob, subject: 'u-1' };
      assert.equal(await rig.proxy.remembers(rig.id), true);
      await waits(resources);
    });

    it('is tied to the session of whoever signs in, who hears of other tools', async () => {
      await signOutByUser();
      const inSession = await rig.beginLocally();
      await rig.send(rpc(1, 'tools/list'), inSession);
      const call = rig.send(toolCall, inSession);
      await settled(isHeldBack);
      rig.tools = [{ name: 'bob’s' }];
      rig.tokens.owner = bob;
      rig.signIn();
      const { text } = await call;
      assert.match(text, /tools\/list_changed.*\n\nevent: message\ndata: .*"done":"tools\/call"/);
      await settled(() => rig.memory.owner === bob);
      assert.ok(JSON.stringify(rig.memory.kept).includes('bob’s'));
      assert.ok(!JSON.stringify(rig.memory.kept).includes('"a"'), 'What alice was told is gone.');
    });

    it('keeps nothing that comes for an account that is signed out meanwhile', async () => {
      await signOutByUser();
      const { kept } = rig.memory;
      rig.signIn();
      rig.tools = [{ name: 'late' }];
      await rig.send(initialize, accept);
      await rig.send(rpc(1, 'tools/list'), { ...accept, 'mcp-session-id': 'up-1' });
      assert.deepEqual(rig.memory.kept, kept);
    });
  });

  it('has its sessions ended when it is at another address', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    rig.proxy.setServers([{ id: rig.id, url: rig.url, auth: {} }]);
    assert.equal(rig.proxy.isInUse(rig.id), true);
    rig.proxy.setServers([{ id: rig.id, url: `${rig.url}?tenant=2`, auth: {} }]);
    assert.equal((await rig.send(toolCall, inSession)).status, 404);
  });

  it('is remembered in place of what was said longest ago, when both are too much', async () => {
    rig.handle = (_req, res, body) => {
      const { id } = JSON.parse(body) as { id: number };
      const result = { about: 'x'.repeat(300_000) };
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    };
    for (const list of ['tools/list', 'prompts/list']) {
      await rig.send(rpc(1, list), accept);
      await settled(() => Object.keys(rig.memory.kept).some((name) => name.includes(list)));
    }
    assert.deepEqual(Object.keys(rig.memory.kept), ['["prompts/list","",""]']);
  });

  it('is written once as long as it says the same', async () => {
    await rig.learn();
    const { writes } = rig.memory;
    await rig.send(initialize, accept);
    await rig.send(rpc(1, 'tools/list'), { ...accept, 'mcp-session-id': 'up-1' });
    await rig.send(rpc(1, 'prompts/list'), { ...accept, 'mcp-session-id': 'up-1' });
    await settled(() => rig.memory.writes > writes);
    assert.equal(rig.memory.writes, writes + 1);
  });

  it('answers on the stateless wire from what it said there, and lets nobody keep that', async () => {
    const list = rpc(1, 'tools/list', { _meta: meta });
    rig.handle = (_req, res, body) => {
      const { id, method } = JSON.parse(body) as { id: unknown; method: string };
      const result = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public', about: method };
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    };
    await rig.send(discover, accept);
    await rig.send(list, accept);
    await settled(() => Object.keys(rig.memory.kept).length === 2);
    rig.signOut();
    rig.seen.length = 0;
    for (const [asked, about] of [
      [discover, 'server/discover'],
      [list, 'tools/list'],
    ] as const) {
      const answer = await rig.send(asked, accept);
      assert.deepEqual(resultOf(answer), { resultType: 'complete', ttlMs: 0, cacheScope: 'public', about });
      assert.equal(answer.headers['mcp-session-id'], undefined);
    }
    assert.equal(await rig.proxy.remembers(rig.id), true);
    const call = rig.send(rpc(2, 'tools/call', { _meta: meta }), accept);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn')));
    rig.signIn();
    assert.equal(resultOf(await call)['about'], 'tools/call');
    assert.equal(rig.seen.length, 1);
  });

  describe('on the stateless wire, with a client that listens for changes', () => {
    const listen = rpc('listen:0', 'subscriptions/listen', {
      _meta: meta,
      notifications: { toolsListChanged: true, promptsListChanged: true },
    });
    const onStream = (method: string, params: object = {}) => ({
      jsonrpc: '2.0',
      method,
      params: { ...params, _meta: { 'io.modelcontextprotocol/subscriptionId': 'listen:0' } },
    });
    const granted = onStream('notifications/subscriptions/acknowledged', {
      notifications: { toolsListChanged: true },
    });
    const asked = onStream('notifications/subscriptions/acknowledged', {
      notifications: { toolsListChanged: true, promptsListChanged: true },
    });
    const changed = onStream('notifications/tools/list_changed');

    /** Hears `count` messages on a stream. */
    async function heard(count: number, meanwhile: (sofar: number) => void): Promise<unknown[]> {
      const headers = { ...accept, accept: 'text/event-stream', 'mcp-method': 'subscriptions/listen' };
      const { answered, outgoing } = rig.begin(JSON.stringify(listen), headers);
      outgoing.on('error', () => undefined);
      const messages: unknown[] = [];
      let text = '';
      for await (const chunk of await answered) {
        text += String(chunk);
        messages.length = 0;
        for (const [, data] of text.matchAll(/^data: (.*)\n\n/gm)) messages.push(JSON.parse(data ?? ''));
        if (messages.length === count) break;
        meanwhile(messages.length);
      }
      outgoing.destroy();
      return messages;
    }

    beforeEach(() => {
      rig.handle = (_req, res, body) => {
        const { id, method } = JSON.parse(body) as { id: unknown; method: string };
        if (method === 'subscriptions/listen')
          res
            .writeHead(200, { 'content-type': 'text/event-stream' })
            .write(`data: ${JSON.stringify(granted)}\n\n`);
        else
          res
            .writeHead(200, { 'content-type': 'application/json' })
            .end(JSON.stringify({ jsonrpc: '2.0', id, result: { tools: [], ttlMs: 60_000 } }));
      };
    });

    it('lets it go on at once, and to ask again as soon as somebody is signed in', async () => {
      await rig.send(discover, accept);
      await rig.send(rpc(1, 'tools/list', { _meta: meta }), accept);
      await settled(() => Object.keys(rig.memory.kept).length === 2);
      rig.signOut();
      await rig.send(discover, accept);
      await rig.send(rpc(1, 'tools/list', { _meta: meta }), accept);
      rig.seen.length = 0;
      const messages = await heard(3, () => {
        void settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn'))).then(rig.signIn);
      });
      assert.deepEqual(messages, [asked, changed, granted]);
      assert.equal(rig.seen.length, 1);
    });

    it('hands on what the server says, and nothing else, when it told all by itself', async () => {
      await rig.send(rpc(1, 'tools/list', { _meta: meta }), accept);
      assert.deepEqual(await heard(1, () => undefined), [granted]);
    });
  });
});
