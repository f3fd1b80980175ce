import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { request } from 'node:http';
import { BrokerError } from '../../../src/core/errors.js';
import type { LentToken } from '../../../src/core/token-source.js';
import { errorIn, ProxyRig, settled, toolCall, useProxy } from '../../support/proxy-rig.js';
import { accept, useRemembered } from '../../support/remembered-rig.js';

const refused = new BrokerError('grant_refused', 'Dead.');
const cancelling = (requestId: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId, reason: 'The user pressed Stop.' },
});
const call = (id: unknown, session?: string) =>
  [{ ...toolCall, id }, session === undefined ? accept : { ...accept, 'mcp-session-id': session }] as const;

const sent = (rig: ProxyRig) =>
  rig.seen.map(({ body }) => {
    const { method, id } = JSON.parse(body) as { method: string; id?: unknown };
    return id === undefined ? method : `${method} ${JSON.stringify(id)}`;
  });

describe('a call that waits for the user', () => {
  const rig = useProxy();
  let signIn: () => void;

  beforeEach(() => {
    signIn = rig.tokens.signOut(refused);
  });

  /** Until so many wait. */
  const waits = (count: number) =>
    settled(() => rig.tokens.asked.filter((line) => line.startsWith('signedIn')).length === count);

  for (const [what, session] of [
    ['', 's-1'],
    [', where there are no sessions', undefined],
  ] as const)
    it(`is not sent when its client has cancelled it${what}, and neither is that`, async () => {
      const [first, second] = [rig.send(...call(1, session)), rig.send(...call(2, session))];
      await waits(2);
      const told = await rig.send(cancelling(1), call(1, session)[1]);
      assert.deepEqual([told.status, told.text], [202, '']);
      assert.equal(errorIn(await first), 'result');
      assert.match((await first).text, /"id":1,.*The client has cancelled the call/);
      signIn();
      assert.equal((await second).text, '{"ok":true}');
      assert.deepEqual(sent(rig), ['tools/call 2']);
    });

  it('is not ended by another client without a session, whose calls have the same ids', async () => {
    const as = (client: string) => ({ ...accept, 'user-agent': client });
    const [one, other] = [rig.send(toolCall, as('editor')), rig.send(toolCall, as('agent'))];
    await waits(2);
    assert.equal((await rig.send(cancelling(1), as('agent'))).status, 202);
    assert.equal(errorIn(await other), 'result');
    signIn();
    assert.equal((await one).text, '{"ok":true}');
  });

  it('has its cancellation sent where there are no sessions, since another call of the same id may have left', async () => {
    const waiting = rig.send(...call(1));
    await waits(1);
    rig.tokens.answers = ['token-2'];
    await rig.send(cancelling(1), accept);
    assert.equal(errorIn(await waiting), 'result');
    assert.deepEqual(sent(rig), ['notifications/cancelled']);
  });

  it('is not sent when it is cancelled although its stream has begun', async () => {
    const { answered } = rig.begin(JSON.stringify(toolCall), accept);
    await rig.clock.armed(2_000);
    rig.clock.advance(2_000);
    const answer = await answered;
    await rig.send(cancelling(1), accept);
    assert.match((await answer.toArray()).join(''), /^: waiting\n\nevent: message\ndata: .*"id":1,/);
    signIn();
    assert.deepEqual(rig.seen, []);
  });

  it('is not ended by what names another one, of another session or kind of id', async () => {
    const waiting = rig.send(...call(1, 's-1'));
    await waits(1);
    const others = [
      rig.send(cancelling('1'), call(1, 's-1')[1]),
      rig.send(cancelling(2), call(1, 's-1')[1]),
      rig.send(cancelling(1), call(1, 's-2')[1]),
      rig.send(cancelling(1), accept),
      rig.send({ ...cancelling(1), method: 'notifications/progress' }, call(1, 's-1')[1]),
    ];
    await waits(1 + others.length);
    signIn();
    assert.equal((await waiting).text, '{"ok":true}');
    await Promise.all(others);
    assert.equal(rig.seen.length, 6);
  });

  it('is not sent in a batch of which all is cancelled, and in one of which something is left', async () => {
    const batch = (...ids: number[]) =>
      rig.send(
        ids.map((id) => call(id)[0]),
        accept,
      );
    const [gone, left] = [batch(1, 2), batch(3, 4)];
    await waits(2);
    await rig.send([cancelling(1), cancelling(2)], accept);
    const partly = rig.send(cancelling(3), accept);
    assert.match((await gone).text, /^\[.*"id":1,.*"id":2,/);
    await waits(3);
    signIn();
    assert.equal((await left).text, '{"ok":true}');
    await partly;
    assert.ok(rig.seen.every(({ body }) => !body.includes('"id":1,')));
  });

  it('is not sent again when it is cancelled after the server has refused the token', async () => {
    rig.tokens.answers = ['token-1', refused];
    rig.handle = (_req, res) => void res.writeHead(401).end();
    const waiting = rig.send(...call(1));
    await waits(1);
    await rig.send(cancelling(1), accept);
    assert.equal(errorIn(await waiting), 'result');
    signIn();
    assert.deepEqual(sent(rig), ['tools/call 1']);
  });

  it('is not sent when its cancellation comes while the token is fetched after the sign-in', async () => {
    const waiting = rig.send(...call(1, 's-1'));
    await waits(1);
    let go: (() => void) | undefined;
    const lend = rig.tokens.accessToken.bind(rig.tokens);
    rig.tokens.accessToken = async (...asked) => {
      await new Promise<void>((resolve) => (go = resolve));
      return lend(...asked);
    };
    signIn();
    await settled(() => go !== undefined);
    assert.equal((await rig.send(cancelling(1), call(1, 's-1')[1])).status, 202);
    go?.();
    assert.equal(errorIn(await waiting), 'result');
    assert.deepEqual(rig.seen, []);
  });

  for (const [when, answers] of [
    ['it begins', ['token-2']],
    ['the server has refused the one before', ['token-1', 'token-2']],
  ] as const)
    it(`is not sent when its client has cancelled it while its token is renewed, when ${when}`, async () => {
      const isSentOnce = answers.length === 2;
      rig.tokens.answers = [...answers];
      rig.handle = (_req, res) => void res.writeHead(401).end();
      let go: (() => void) | undefined;
      const slowly = isSentOnce ? 'newerToken' : 'accessToken';
      const lend = rig.tokens[slowly].bind(rig.tokens) as (...asked: unknown[]) => Promise<LentToken>;
      rig.tokens[slowly] = async (...asked: unknown[]) => {
        await new Promise<void>((resolve) => (go = resolve));
        return lend(...asked);
      };
      const waiting = rig.send(...call(1, 's-1'));
      await settled(() => go !== undefined);
      assert.equal((await rig.send(cancelling(1), call(1, 's-1')[1])).status, 202);
      go?.();
      assert.equal(errorIn(await waiting), 'result');
      assert.deepEqual(sent(rig), isSentOnce ? ['tools/call 1'] : []);
    });

  for (const [where, session] of [
    ['in a session', 's-1'],
    ['without sessions', undefined],
  ] as const)
    for (const [how, status, headers] of [
      ['refuses the token', 401, {}],
      ['sends it on', 307, { location: '/mcp' }],
    ] as const)
      it(`is not sent again ${where} when its client has cancelled it before the server ${how}`, async () => {
        rig.tokens.answers = ['token-1', 'token-2'];
        let answer: (() => void) | undefined;
        rig.handle = (_req, res, body) => {
          if (body.includes('tools/call')) answer = () => void res.writeHead(status, headers).end();
          else res.writeHead(202).end();
        };
        const waiting = rig.send(...call(1, session));
        await settled(() => answer !== undefined);
        assert.equal((await rig.send(cancelling(1), call(1, session)[1])).status, 202);
        rig.handle = (_req, res) => void res.end('{"ok":true}');
        answer?.();
        assert.match((await waiting).text, /The client has cancelled the call/);
        // The server has heard of the call, and so it hears of this.
        assert.deepEqual(sent(rig), ['tools/call 1', 'notifications/cancelled']);
      });

  it('is not sent again when its client has cancelled it before the server wants a nonce in its proof', async () => {
    rig.tokens.answers = ['token-1'];
    const lend = rig.tokens.accessToken.bind(rig.tokens);
    rig.tokens.accessToken = async (...asked) => ({
      ...(await lend(...asked)),
      prove: () => Promise.resolve({ header: 'proof', noted: () => Promise.resolve() }),
    });
    let answer: (() => void) | undefined;
    rig.handle = (_req, res, body) => {
      const nonce = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n' };
      if (body.includes('tools/call')) answer = () => void res.writeHead(401, nonce).end();
      else res.writeHead(202).end();
    };
    const waiting = rig.send(...call(1, 's-1'));
    await settled(() => answer !== undefined);
    await rig.send(cancelling(1), call(1, 's-1')[1]);
    rig.handle = (_req, res) => void res.end('{"ok":true}');
    answer?.();
    assert.match((await waiting).text, /The client has cancelled the call/);
    assert.deepEqual(sent(rig), ['tools/call 1', 'notifications/cancelled']);
  });

  it('is answered although its client has cancelled it, by a server that was not stopped by that', async () => {
    rig.tokens.answers = ['token-1'];
    let answer: (() => void) | undefined;
    rig.handle = (_req, res, body) => {
      if (body.includes('tools/call')) answer = () => void res.end('{"ok":true}');
      else res.writeHead(202).end();
    };
    const waiting = rig.send(...call(1, 's-1'));
    await settled(() => answer !== undefined);
    await rig.send(cancelling(1), call(1, 's-1')[1]);
    answer?.();
    assert.equal((await waiting).text, '{"ok":true}');
  });

  it('has its cancellation sent after it when it has left', async () => {
    const open: ServerResponse[] = [];
    rig.handle = (_req, res, body) => {
      if (body.includes('tools/call')) open.push(res);
      else res.writeHead(202).end();
    };
    const waiting = rig.send(...call(1));
    await waits(1);
    signIn();
    await settled(() => open.length === 1);
    assert.equal((await rig.send(cancelling(1), accept)).status, 202);
    assert.deepEqual(sent(rig), ['tools/call 1', 'notifications/cancelled']);
    open[0]?.end('{}');
    await waiting;
  });

  it('takes no place when it was cancelled, and leaves nothing behind', async () => {
    for (let round = 0; round < 2; round++) {
      const waiting = Array.from({ length: 100 }, (_, id) => rig.send(...call(id)));
      await settled(() => rig.clock.pending.filter((ms) => ms === 120_000).length === 100);
      await Promise.all(waiting.map((_, id) => rig.send(cancelling(id), accept)));
      for (const answer of await Promise.all(waiting)) assert.equal(errorIn(answer), 'result');
    }
    assert.deepEqual(rig.clock.pending, []);
  });
});

describe('a call that is too large to be kept, and waits for the user', () => {
  const rig = new ProxyRig();
  const large = { text: 'x'.repeat(4_096) };
  const cancelled = /"id":1,.*The client has cancelled the call/;
  let waiting: (() => void)[];

  beforeEach(async () => {
    await rig.open({ replayLimitBytes: () => 2_048 });
    waiting = [];
    rig.tokens.answers = [new BrokerError('grant_refused', 'Dead.')];
    rig.tokens.signIn = (signal) =>
      new Promise((resolve, reject) => {
        waiting.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
  });
  afterEach(() => rig.close());

  it('is not sent when its client has cancelled it', async () => {
    const inSession = call(1, 's-1')[1];
    const taken = rig.send({ ...toolCall, params: large }, inSession);
    await settled(() => waiting.length === 1);
    assert.equal((await rig.send(cancelling(1), inSession)).status, 202);
    assert.match((await taken).text, cancelled);
    assert.deepEqual(rig.seen, []);
  });

  for (const [what, body, requestId] of [
    ['an answer of the client under the same id', { jsonrpc: '2.0', id: 1, result: large }, 1],
    ['another one', { ...toolCall, params: large }, 2],
    ['one whose id comes after all that is kept', { method: 'tools/call', params: large, id: 1 }, undefined],
  ] as const)
    it(`is sent when what is cancelled is not it: it is ${what}`, async () => {
      const inSession = call(1, 's-1')[1];
      const sent = [rig.send(body, inSession)];
      await settled(() => waiting.length === 1);
      sent.push(rig.send(cancelling(requestId), inSession));
      await settled(() => waiting.length === 2);
      rig.tokens.answers = ['token-2'];
      for (const go of waiting) go();
      for (const answer of await Promise.all(sent)) assert.equal(answer.text, '{"ok":true}');
    });
});

describe('a call about which a rule asks', () => {
  const rig = new ProxyRig();
  let answer: (said: 'allowed') => void;
  let isAsked: boolean;

  beforeEach(async () => {
    isAsked = false;
    await rig.open({
      ask: () => {
        isAsked = true;
        return new Promise((resolve) => (answer = resolve));
      },
    });
    rig.proxy.setServers([
      { id: rig.id, url: rig.url, auth: {}, rules: [[{ pattern: '*', effect: 'ask', scopes: [] }]] },
    ]);
  });
  afterEach(() => rig.close());

  it('is not sent when it is allowed after its client has cancelled it', async () => {
    const waiting = rig.send(...call(1, 's-1'));
    await settled(() => isAsked);
    assert.equal((await rig.send(cancelling(1), call(1, 's-1')[1])).status, 202);
    answer('allowed');
    assert.equal(errorIn(await waiting), 'result');
    assert.deepEqual(rig.seen, []);
  });

  it('is not sent when it is allowed after its client has hung up, which cancels it on the stateless wire', async () => {
    const { answered, outgoing } = rig.begin(JSON.stringify(toolCall), accept);
    answered.catch(() => undefined);
    await settled(() => isAsked);
    outgoing.destroy();
    await settled(() => rig.clock.pending.length === 0);
    answer('allowed');
    await rig.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    assert.deepEqual(sent(rig), ['notifications/initialized']);
  });
});

describe('a call in a session that began before anybody had signed in', () => {
  const rig = useRemembered();

  beforeEach(async () => {
    await rig.learn();
    rig.signOut();
  });

  it('is not sent when its client has cancelled it', async () => {
    const inSession = await rig.beginLocally();
    const waiting = rig.send(toolCall, inSession);
    await rig.waitsForUser();
    assert.equal((await rig.send(cancelling(1), inSession)).status, 202);
    rig.signIn();
    assert.equal(errorIn(await waiting), 'result');
    assert.deepEqual(rig.seen, []);
  });

  it('is not sent when its client has cancelled it while the server’s own session is opened', async () => {
    const inSession = await rig.beginLocally();
    let open: () => void = () => undefined;
    rig.handle = (...server) => {
      if (!server[2].includes('"initialize"')) rig.serve(...server);
      else open = () => rig.serve(...server);
    };
    rig.signIn();
    const waiting = [1, 2, 3].map((id) => rig.send({ ...toolCall, id }, inSession));
    await settled(() => rig.seen.length === 1);
    for (const id of [1, 2]) assert.equal((await rig.send(cancelling(id), inSession)).status, 202);
    open();
    const answers = await Promise.all(waiting);
    assert.deepEqual(answers.slice(0, 2).map(errorIn), ['result', 'result']);
    assert.match(answers[2]?.text ?? '', /"done":"tools\/call"/);
    assert.deepEqual(
      sent(rig).filter((line) => /call|cancel/.test(line)),
      ['tools/call 3'],
    );
  });
});

describe('a call of the transport before Streamable HTTP', () => {
  const rig = useProxy();

  it('is not sent when its client has cancelled it while it waits', async () => {
    rig.handle = (req, res) => {
      if (req.method === 'GET')
        res
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .write('event: endpoint\ndata: /mcp/messages\n\n');
      else res.writeHead(202).end();
    };
    const stream = await rig.begin('', { accept: 'text/event-stream' }, 'GET').answered;
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    const path = /data: (.*)/.exec(String(chunk))?.[1] ?? '';
    const to = new URL(path, rig.proxy.endpoint(rig.id)?.url);
    const post = (body: unknown) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { authorization: `Bearer ${rig.proxy.endpoint(rig.id)?.capability.reveal() ?? ''}` };
        request(to, { method: 'POST', headers }, (answer) => resolve(answer.resume().statusCode))
          .on('error', reject)
          .end(JSON.stringify(body));
      });
    const signIn = rig.tokens.signOut(refused);
    const waiting = post(toolCall);
    await settled(() => rig.tokens.asked.some((line) => line.startsWith('signedIn')));
    assert.equal(await post(cancelling(1)), 202);
    signIn();
    assert.equal(await waiting, 202);
    assert.deepEqual(
      rig.seen.map(({ method }) => method),
      ['GET'],
    );
    stream.destroy();
  });
});
