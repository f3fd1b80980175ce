import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { zstdCompressSync } from 'node:zlib';
import { BrokerError } from '../../../src/core/errors.js';
import { errorIn, settled, toolCall } from '../../support/proxy-rig.js';
import {
  accept,
  bob,
  initialize,
  initialized,
  nobody,
  resultOf,
  rpc,
  useRemembered,
} from '../../support/remembered-rig.js';

describe('a session that began before anybody had signed in', () => {
  const rig = useRemembered();

  beforeEach(async () => {
    await rig.learn();
    rig.signOut();
  });

  it('is tied, and answered, by ids that a program would round', async () => {
    const id = '9007199254740993';
    const say = async (message: object, headers: Record<string, string>) => {
      const body = JSON.stringify(message).replace('"id":0', `"id":${id}`);
      return rig.send(Buffer.from(body), headers);
    };
    const begun = await say(initialize, accept);
    assert.match(begun.text, new RegExp(`"id":${id},`));
    const inSession = { ...accept, 'mcp-session-id': String(begun.headers['mcp-session-id']) };
    assert.match((await say(rpc(0, 'tools/list'), inSession)).text, new RegExp(`"id":${id},`));
    rig.signIn();
    assert.match((await say(rpc(0, 'tools/call'), inSession)).text, /"done":"tools.call"/);
  });

  describe('with a server that has no sessions', () => {
    const serve = (req: IncomingMessage, res: ServerResponse, body: string) => {
      assert.equal(req.headers['mcp-session-id'], undefined);
      const { id, method } = JSON.parse(body) as { id?: unknown; method?: string };
      if (id === undefined) {
        res.writeHead(202).end();
        return;
      }
      const { capabilities } = rig;
      const result =
        method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities } : { done: method };
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    };

    it('keeps its account', async () => {
      const inSession = await rig.beginLocally();
      rig.handle = serve;
      rig.signIn();
      assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
      const name = inSession['mcp-session-id'] ?? '';
      assert.ok(rig.tokens.asked.includes(`sessionOpened ${rig.id} ${name} alice@example.com`));
      rig.tokens.owner = bob;
      rig.seen.length = 0;
      assert.equal((await rig.send(toolCall, inSession)).status, 404);
      assert.deepEqual(rig.seen, []);
    });

    it('has ended when the client says so', async () => {
      const inSession = await rig.beginLocally();
      rig.handle = serve;
      rig.signIn();
      await rig.send(toolCall, inSession);
      rig.handle = (_req, res) => res.writeHead(204).end();
      await rig.send('', inSession, 'DELETE');
      assert.equal((await rig.send(toolCall, inSession)).status, 404);
    });
  });

  /** The client's stream, on which it hears what changes. */
  function stream(inSession: Record<string, string>) {
    const { answered, outgoing } = rig.begin('', { ...inSession, accept: 'text/event-stream' }, 'GET');
    answered.catch(() => undefined);
    outgoing.on('error', () => undefined);
    return outgoing;
  }

  const insufficient = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="more"' };
  const opening = () => ({ protocolVersion: '2025-11-25', capabilities: rig.capabilities });
  const response = (id: unknown, result: object) => JSON.stringify({ jsonrpc: '2.0', id, result });

  /** The server as it is, but for how it answers what `mark` is in. */
  function serveBut(mark: string, answer: (res: ServerResponse, req: IncomingMessage) => unknown): void {
    rig.handle = (req, res, body) => {
      if (body.includes(mark)) answer(res, req);
      else rig.serve(req, res, body);
    };
  }

  describe('whose stream was first, and has to wait for the user again', () => {
    it('lets a call ask the user by itself', async () => {
      const inSession = await rig.beginLocally();
      const outgoing = stream(inSession);
      await rig.waitsForUser();
      rig.handle = (_req, res) => res.writeHead(401).end();
      rig.signIn();
      rig.tokens.answers = ['token-2', 'token-2', nobody];
      await rig.clock.armed(1_000);
      const call = rig.send(toolCall, inSession);
      await settled(() => rig.tokens.asked.at(-1) === `signedIn ${rig.id}`);
      assert.equal(rig.tokens.asked.at(-1), `signedIn ${rig.id}`);
      rig.handle = (...request) => rig.serve(...request);
      rig.signIn();
      assert.equal(resultOf(await call)['done'], 'tools/call');
      outgoing.destroy();
    });

    it('lets a call that waits too ask for more permissions, and end with its own patience', async () => {
      const inSession = await rig.beginLocally();
      const outgoing = stream(inSession);
      await rig.waitsForUser();
      const call = rig.send(toolCall, inSession);
      await rig.waitsForUser(2);
      const asked = new Promise<void>((resolve) => {
        rig.tokens.allow = (signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
            resolve();
          });
      });
      rig.handle = (_req, res) => res.writeHead(403, insufficient).end();
      rig.signIn();
      await asked;
      rig.clock.advance(120_000);
      assert.match((await call).text, /wants more permissions/);
      outgoing.destroy();
    });
  });

  it('is opened for its stream once, when the server forbids it whatever the permissions', async () => {
    const inSession = await rig.beginLocally();
    rig.seen.length = 0;
    rig.tokens.allow = () => Promise.reject(new Error('Nobody is to be asked.'));
    rig.handle = (_req, res) =>
      res.writeHead(403, { 'content-type': 'text/plain' }).end('You are not a member.');
    const { answered, outgoing } = rig.begin('', { ...inSession, accept: 'text/event-stream' }, 'GET');
    const ended = answered.then((answer) => answer.toArray());
    outgoing.on('error', () => undefined);
    await rig.waitsForUser();
    rig.signIn();
    await Promise.race([ended, rig.clock.armed(1_000)]);
    assert.deepEqual(rig.clock.pending, [], 'It is not tried again.');
    await ended;
    assert.equal(rig.seen.length, 1);
    assert.match(rig.log.text, /access_forbidden/);
  });

  for (const [what, refuse, told] of [
    ['a token', (res) => res.writeHead(401).end(), 'token_rejected'],
    ['an account', (res) => res.writeHead(403).end('No.'), 'access_forbidden'],
    ['an address', (res) => res.writeHead(302, { location: '/login' }).end(), 'redirect_refused'],
  ] as readonly (readonly [string, (res: ServerResponse) => unknown, string])[]) {
    it(`fails as any call does when the server refuses ${what} for it`, async () => {
      const inSession = await rig.beginLocally();
      serveBut('"initialize"', refuse);
      rig.signIn();
      const { text } = await rig.send(rpc(1, 'resources/read', { uri: 'a' }), inSession);
      const { error } = JSON.parse(text) as { error: { data: { code: string } } };
      assert.equal(error.data.code, told);
    });
  }

  it('is tied as soon as the server has said what opens it, although it goes on', async () => {
    const inSession = await rig.beginLocally();
    serveBut('"initialize"', (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'up-1' });
      res.write(`data: ${response(0, opening())}\n\n`);
    });
    rig.signIn();
    assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
    await rig.clock.armed(1_000);
    rig.clock.advance(1_000);
  });

  for (const [what, begin] of [
    ['does not begin', () => undefined],
    ['does not end', (res) => res.writeHead(200, { 'content-type': 'application/json' }).write('{')],
  ] as readonly (readonly [string, (res: ServerResponse) => unknown])[]) {
    it(`fails when the answer that opens it ${what}`, async () => {
      const inSession = await rig.beginLocally();
      serveBut('"initialize"', begin);
      rig.signIn();
      const call = rig.send(toolCall, inSession);
      await settled(() => rig.seen.length === 1);
      await rig.clock.armed(30_000);
      rig.clock.advance(30_000);
      assert.equal(errorIn(await call), 'result');
      rig.clock.advance(1_000);
      rig.handle = (...request) => rig.serve(...request);
      assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
    });

    it(`lets its call through when the answer with a list ${what}`, async () => {
      const inSession = await rig.beginLocally();
      await rig.send(rpc(1, 'tools/list'), inSession);
      serveBut('tools/list', begin);
      rig.signIn();
      const call = rig.send(toolCall, inSession);
      await settled(() => rig.seen.length === 3);
      await rig.clock.armed(5_000);
      rig.clock.advance(5_000);
      assert.equal(resultOf(await call)['done'], 'tools/call');
      rig.clock.advance(1_000);
    });
  }

  it('is tied by the next call when the first caller leaves while the answer that opens it comes', async () => {
    const inSession = await rig.beginLocally();
    const leaving = rig.begin(JSON.stringify(toolCall), inSession);
    leaving.answered.catch(() => undefined);
    leaving.outgoing.on('error', () => undefined);
    await rig.waitsForUser();
    const staying = rig.send({ ...toolCall, id: 9 }, inSession);
    await rig.waitsForUser(2);
    const begun = new Promise<void>((resolve) => {
      serveBut('"initialize"', (res) => {
        // So that the limit for the rest of the answer is told from the one for its beginning.
        rig.clock.advance(10);
        res.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'up-0' });
        res.flushHeaders();
        resolve();
      });
    });
    rig.signIn();
    await begun;
    await rig.clock.armed(30_000);
    rig.handle = (...request) => rig.serve(...request);
    leaving.outgoing.destroy();
    assert.equal(resultOf(await staying)['done'], 'tools/call');
    rig.clock.advance(1_000);
  });

  it('asks nobody for more permissions so that a list can be compared', async () => {
    const inSession = await rig.beginLocally();
    await rig.send(rpc(1, 'tools/list'), inSession);
    serveBut('tools/list', (res) => res.writeHead(403, insufficient).end());
    let isAsked = false;
    rig.tokens.allow = () => {
      isAsked = true;
      return Promise.reject(new BrokerError('scope_required', 'Denied.'));
    };
    rig.signIn();
    assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
    assert.equal(isAsked, false);
  });

  it('is opened for a client that unpacks what we cannot', async () => {
    const { headers } = await rig.send(initialize, { ...accept, 'accept-encoding': 'gzip, zstd' });
    serveBut('"initialize"', (res, req) => {
      const isPacked = req.headers['accept-encoding']?.includes('zstd') === true;
      const text = response(0, opening());
      res.writeHead(200, {
        'content-type': 'application/json',
        'mcp-session-id': 'up-1',
        ...(isPacked && { 'content-encoding': 'zstd' }),
      });
      res.end(isPacked ? zstdCompressSync(text) : text);
    });
    rig.signIn();
    const inSession = { ...accept, 'mcp-session-id': String(headers['mcp-session-id']) };
    assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
  });

  it('has every id of ours in it once', async () => {
    rig.tokens.answers = ['token-1'];
    await rig.send(rpc(3, 'prompts/list'), { ...accept, 'mcp-session-id': 'up-1' });
    await settled(() => Object.keys(rig.memory.kept).some((name) => name.includes('prompts')));
    rig.signOut();
    const inSession = await rig.beginLocally();
    await rig.send(rpc(1, 'tools/list'), inSession);
    await rig.send(rpc(2, 'prompts/list'), inSession);
    rig.seen.length = 0;
    rig.signIn();
    await rig.send(toolCall, inSession);
    const ids = rig.seen.flatMap(({ body }) => (JSON.parse(body) as { id?: unknown }).id ?? []);
    assert.equal(ids.length, 5);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('hears of no change when the client has asked twice for the same lists', async () => {
    const inSession = await rig.beginLocally();
    for (let n = 0; n < 2; n++) {
      await rig.send(rpc(1, 'tools/list'), inSession);
      await rig.send(rpc(1, 'tools/list', { cursor: '2' }), inSession);
    }
    rig.signIn();
    assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
  });

  it('is said to have begun once, when the user signs in before the client says so', async () => {
    const { headers } = await rig.send(initialize, accept);
    const inSession = { ...accept, 'mcp-session-id': String(headers['mcp-session-id']) };
    rig.signIn();
    assert.equal((await rig.send(initialized, inSession)).status, 202);
    await rig.send(toolCall, inSession);
    assert.equal((await rig.send(initialized, inSession)).status, 202);
    const methods = rig.seen.map(({ body }) => (JSON.parse(body) as { method: string }).method);
    assert.deepEqual(methods, ['initialize', 'notifications/initialized', 'tools/call']);
  });

  for (const status of [404, 405])
    it(`goes on at a server that has no stream and says so with ${status}`, async () => {
      const inSession = await rig.beginLocally();
      rig.signIn();
      rig.handle = (req, res, body) => {
        if (req.method === 'GET') res.writeHead(status).end();
        else rig.serve(req, res, body);
      };
      const listening = { ...inSession, accept: 'text/event-stream' };
      assert.equal((await rig.send('', listening, 'GET')).status, status);
      assert.equal((await rig.send(toolCall, inSession)).status, 200);
    });

  it('keeps its account when the server names a session for it that is another account’s', async () => {
    const inSession = await rig.beginLocally();
    rig.signIn();
    rig.tokens.sessionOpened(rig.id, 'up-1', { ...(await rig.tokens.accessToken(rig.id)), account: bob });
    assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
    rig.tokens.owner = bob;
    assert.equal((await rig.send(toolCall, inSession)).status, 404);
  });

  it('has ended when the server says so to a call that waited', async () => {
    const inSession = await rig.beginLocally();
    const call = rig.send(toolCall, inSession);
    await rig.clock.armed(2_000);
    rig.clock.advance(2_000);
    serveBut('tools/call', (res) => res.writeHead(404).end());
    rig.signIn();
    assert.equal((await call).headers['content-type'], 'text/event-stream');
    assert.equal(rig.proxy.isInUse(rig.id), false);
    rig.handle = (...request) => rig.serve(...request);
    assert.equal((await rig.send(toolCall, inSession)).status, 404);
  });
});
