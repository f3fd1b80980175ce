import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { BrokerError } from '../../../src/core/errors.js';
import { Hold } from '../../../src/loopback/calls/hold.js';
import { errorIn, settled, toolCall, useProxy } from '../../support/proxy-rig.js';

const refused = new BrokerError('grant_refused', 'Dead.');
const accept = { accept: 'application/json, text/event-stream' };

describe('a call that waits for the user', () => {
  const rig = useProxy();
  let signIn: () => void;

  beforeEach(() => {
    signIn = rig.tokens.signOut(refused);
  });

  const text = async (answer: IncomingMessage) => (await answer.toArray()).join('');
  const open = (body: unknown = toolCall, headers: Record<string, string> = accept) =>
    rig.begin(JSON.stringify(body), headers);

  /** A call whose stream has begun. */
  async function held(body: unknown = toolCall): Promise<IncomingMessage> {
    const { answered } = open(body);
    await rig.clock.armed(2_000);
    rig.clock.advance(2_000);
    return answered;
  }

  it('is answered plainly when the wait is short', async () => {
    const { answered } = open();
    await rig.clock.armed(2_000);
    rig.clock.advance(1_999);
    signIn();
    const answer = await answered;
    assert.deepEqual(
      [answer.headers['content-type'], await text(answer)],
      ['application/json', '{"ok":true}'],
    );
  });

  it('hears of us every 15 s, and gets the server’s document as an event', async () => {
    rig.handle = (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"jsonrpc":"2.0",\r\n"id":1,\n"result":{}}\n');
    const answer = await held();
    assert.equal(answer.headers['content-type'], 'text/event-stream');
    rig.clock.advance(30_000);
    signIn();
    assert.equal(
      await text(answer),
      ': waiting\n\n'.repeat(3) + 'event: message\ndata: {"jsonrpc":"2.0",  "id":1, "result":{}} \n\n',
    );
  });

  it('goes on with the server’s stream as it is', async () => {
    const stream = 'id: 7\nevent: message\ndata: {"jsonrpc":"2.0",\ndata: "id":1,"result":{}}\n\n';
    rig.handle = (_req, res) => res.writeHead(200, { 'content-type': 'text/event-stream' }).end(stream);
    const answer = await held();
    signIn();
    assert.equal(await text(answer), `: waiting\n\n${stream}`);
  });

  for (const [what, type, body, expected] of [
    ['stream', 'text/event-stream', 'data: {"id":1}\n\n', 'data: {"id":1}\n\n'],
    ['document', 'application/json', '{"id":1}', 'event: message\ndata: {"id":1}\n\n'],
    ['short text', 'text/event-stream', ':', ':'],
  ] as const)
    it(`goes on with the server’s ${what} without the mark with which that begins`, async () => {
      rig.handle = (_req, res) => {
        const bytes = Buffer.from(`\uFEFF${body}`);
        res.writeHead(200, { 'content-type': type }).write(bytes.subarray(0, 2));
        setImmediate(() => res.end(bytes.subarray(2)));
      };
      const answer = await held();
      signIn();
      assert.equal(await text(answer), `: waiting\n\n${expected}`);
    });

  it('asks the server for nothing that would have to be unpacked', async () => {
    const { answered } = open(toolCall, { ...accept, 'accept-encoding': 'gzip', 'x-other': 'gzip' });
    await rig.clock.armed(2_000);
    rig.clock.advance(2_000);
    const answer = await answered;
    signIn();
    await text(answer);
    assert.deepEqual(
      [rig.seen[0]?.headers['accept-encoding'], rig.seen[0]?.headers['x-other']],
      ['identity', 'gzip'],
    );
  });

  it('is told when the server packs its answer although it was asked not to', async () => {
    rig.handle = (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .end(gzipSync('{"jsonrpc":"2.0","id":1,"result":{}}'));
    const answer = await held();
    signIn();
    assert.match(await text(answer), /^: waiting\n\nevent: message\ndata: .*The answer is packed/);
  });

  it('gets a document whose type is written in capitals', async () => {
    rig.handle = (_req, res) => res.writeHead(200, { 'content-type': 'Application/JSON' }).end('{"ok":true}');
    const answer = await held();
    signIn();
    assert.match(await text(answer), /data: {"ok":true}/);
  });

  it('gets an error of the protocol with much to say', async () => {
    const message = 'y'.repeat(20_000);
    rig.handle = (_req, res) =>
      res
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32_602, message } }));
    const answer = await held();
    signIn();
    assert.ok((await text(answer)).includes(message));
  });

  const failures: readonly (readonly [string, number, string, RegExp])[] = [
    ['a status alone', 503, 'no', /"isError":true/],
    ['the loss of its session', 404, '', /"isError":true/],
    [
      'an error of the protocol',
      400,
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Bad."}}',
      /"message":"Bad\."/,
    ],
    [
      'an error for nobody',
      400,
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Bad."}}',
      /"isError":true/,
    ],
    ['a page', 200, '<html>', /"isError":true/],
  ];
  for (const [what, status, body, expected] of failures) {
    it(`gets ${what} as an event`, async () => {
      rig.handle = (_req, res) =>
        res
          .writeHead(status, { 'content-type': body.startsWith('{') ? 'application/json' : 'text/html' })
          .end(body);
      const answer = await held();
      signIn();
      const [, data] = /^: waiting\n\nevent: message\ndata: (.*)\n\n$/.exec(await text(answer)) ?? [];
      assert.match(data ?? '', expected);
      assert.equal((JSON.parse(data ?? '') as { id: unknown }).id, 1);
    });
  }

  it('gets the words as an event when the wait ends without the user', async () => {
    const answer = await held();
    rig.clock.advance(118_000);
    const [, data] = /event: message\ndata: (.*)\n\n$/.exec(await text(answer)) ?? [];
    assert.equal(errorIn({ text: data ?? '' }), 'result');
    assert.match(data ?? '', /explained: sign in/);
  });

  it('waits longer than a client would be silent for, when it hears of us', async () => {
    rig.waitSeconds = 3_000;
    const answer = await held();
    rig.clock.advance(2_900_000);
    signIn();
    assert.match(await text(answer), /"ok":true/);
  });

  it('waits no longer than a client would be silent for, when it cannot hear of us', async () => {
    rig.waitSeconds = 3_000;
    const answering = rig.send();
    await rig.clock.armed(270_000);
    rig.clock.advance(270_000);
    assert.equal(errorIn(await answering), 'result');
  });

  for (const [what, body] of [
    [
      'initialize, whose answer names the session in a header',
      { jsonrpc: '2.0', id: 1, method: 'initialize' },
    ],
    ['a notification, which has no answer', { jsonrpc: '2.0', method: 'notifications/initialized' }],
    ['an answer to the server', { jsonrpc: '2.0', id: 1, result: {} }],
  ] as const) {
    it(`begins no stream for ${what}`, async () => {
      rig.handle = (_req, res) => res.writeHead(202, { 'mcp-session-id': 's' }).end();
      const { answered } = open(body);
      await rig.clock.armed(120_000);
      rig.clock.advance(60_000);
      signIn();
      assert.equal((await answered).statusCode, 202);
    });
  }

  it('begins a stream for a batch with a request in it', async () => {
    const answer = await held([{ jsonrpc: '2.0', method: 'n' }, toolCall]);
    rig.clock.advance(118_000);
    assert.match(await text(answer), /data: \[\{.*"id":1.*\}\]\n\n$/);
  });

  it('goes on in the order of arrival', async () => {
    const answers: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n++) {
      answers.push(rig.send({ ...toolCall, id: n }));
      await settled(() => rig.tokens.asked.filter((line) => line.startsWith('signedIn')).length === n + 1);
    }
    signIn();
    await Promise.all(answers);
    assert.deepEqual(
      rig.seen.map(({ body }) => (JSON.parse(body) as { id: number }).id),
      [...Array(20).keys()],
    );
  });

  it('is one of a hundred at most; one more is told so at once', async () => {
    const waiting = Array.from({ length: 100 }, () => rig.send());
    await settled(() => rig.clock.pending.filter((ms) => ms === 120_000).length === 100);
    const answer = await rig.send({ jsonrpc: '2.0', id: 5, method: 'ping' });
    assert.deepEqual(errorIn(answer), { code: 'too_many_waiting' });
    signIn();
    for (const { text: ok } of await Promise.all(waiting)) assert.equal(ok, '{"ok":true}');
    assert.equal((await rig.send()).text, '{"ok":true}');
  });

  it('takes no place for what no permission helps against', async () => {
    const waiting = Array.from({ length: 100 }, () => rig.send());
    await settled(() => rig.clock.pending.filter((ms) => ms === 120_000).length === 100);
    rig.tokens.answers = ['token-1'];
    rig.handle = (_req, res) => res.writeHead(403, { 'content-type': 'text/plain' }).end('Not on Sundays.');
    const answer = await rig.send({ jsonrpc: '2.0', id: 5, method: 'ping' });
    assert.deepEqual(errorIn(answer), { code: 'access_forbidden' });
    assert.match(answer.text, /Not on Sundays/);
    rig.handle = (_req, res) => res.end('{"ok":true}');
    signIn();
    await Promise.all(waiting);
  });

  it('leaves nothing behind when the caller hangs up in the stream', async () => {
    const { answered, outgoing } = open();
    outgoing.on('error', () => undefined);
    await rig.clock.armed(2_000);
    rig.clock.advance(2_000);
    (await answered).on('error', () => undefined);
    outgoing.destroy();
    await settled(() => rig.clock.pending.length === 0);
    assert.deepEqual([rig.clock.pending, rig.seen], [[], []]);
  });
});

describe('the hold', () => {
  it('gives the place of a call free that failed while it waited', async () => {
    const hold = new Hold(
      { clock: { nowMs: () => 0, after: () => ({ dispose: () => undefined }) }, signInWaitSeconds: () => 1 },
      1,
    );
    const gone = new AbortController().signal;
    for (let n = 0; n < 2; n++) {
      await assert.rejects(
        hold.wait(refused, 'silent', gone, () => Promise.reject(new Error('broken'))),
        /broken/,
      );
    }
  });
});
