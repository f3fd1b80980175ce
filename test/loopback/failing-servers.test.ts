import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { BrokerError } from '../../src/core/errors.js';
import { errorIn, settled, toolCall, useProxy } from '../support/proxy-rig.js';

const ping = { jsonrpc: '2.0', id: 'p', method: 'ping' };

describe('a server that forbids a request', () => {
  const rig = useProxy();
  const reasons: readonly (readonly [string, Record<string, string>, string | Buffer, string | undefined])[] =
    [
      [
        'a JSON-RPC error',
        { 'content-type': 'application/json' },
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"This account has no \\"access\\"."}}',
        'This account has no "access".',
      ],
      [
        'an OAuth error (RFC 6750 §3.1)',
        { 'content-type': 'application/json; charset=utf-8' },
        '{"error":"forbidden","error_description":"Only admins."}',
        'Only admins.',
      ],
      [
        'problem details (RFC 9457 §3)',
        { 'content-type': 'application/problem+json' },
        '{"title":"No","detail":"Out of quota."}',
        'Out of quota.',
      ],
      ['plain text', { 'content-type': 'text/plain' }, ' Blocked by policy.\n', 'Blocked by policy.'],
      [
        'its challenge',
        { 'www-authenticate': 'Bearer error="access_denied", error_description="Not \\"yours\\""' },
        '<html>…</html>',
        'Not "yours"',
      ],
      [
        'compressed words',
        { 'content-type': 'application/json', 'content-encoding': 'gzip' },
        gzipSync('{"message":"Zipped."}'),
        'Zipped.',
      ],
      ['a page', { 'content-type': 'text/html' }, '<h1>Forbidden</h1>', undefined],
      ['nothing', {}, '', undefined],
      ['our token', { 'content-type': 'text/plain' }, 'Bad token token-1!', undefined],
      ['damaged compression', { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, 'x', undefined],
    ];
  for (const [what, headers, body, reason] of reasons) {
    it(`is quoted when its reason is in ${what}`, async () => {
      rig.handle = (_req, res) => res.writeHead(403, headers).end(body);
      const { text, status } = await rig.send(ping);
      assert.deepEqual([status, errorIn({ text })], [200, { code: 'access_forbidden' }]);
      const { error } = JSON.parse(text) as { error: { message: string } };
      const quoted = /"reason":("(?:[^"\\]|\\.)*")/.exec(error.message)?.[1];
      assert.equal(quoted && JSON.parse(JSON.parse(quoted) as string), reason);
      assert.ok(!text.includes('token-1'));
    });
  }

  it('is quoted no further than a sentence goes, and not read to the end', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(403, { 'content-type': 'text/plain' });
      res.write('a'.repeat(100_000)); // Never ended.
    };
    const { text } = await rig.send(ping);
    assert.match(text, /a{300}…/);
    assert.ok(text.length < 800);
  });

  it('is not waited for when it does not finish its sentence', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(403, { 'content-type': 'text/plain' });
      res.write('Because');
    };
    const answering = rig.send(ping);
    await rig.clock.armed(2_000);
    await settled(() => rig.seen.length === 1);
    rig.clock.advance(2_000);
    assert.deepEqual(errorIn(await answering), { code: 'access_forbidden' });
  });
});

describe('a server that forbids a request in packed words', () => {
  const rig = useProxy();
  const packed = gzipSync('Because ' + randomBytes(400).toString('hex')).subarray(0, 200);
  const headers = { 'content-type': 'text/plain', 'content-encoding': 'gzip' };

  it('is not waited for when it does not finish its sentence', async () => {
    rig.handle = (_req, res) => res.writeHead(403, headers).write(packed);
    const answering = rig.send(ping);
    await rig.clock.armed(2_000);
    rig.clock.advance(2_000);
    assert.deepEqual(errorIn(await answering), { code: 'access_forbidden' });
  });

  it('is not waited for when its answer breaks off', async () => {
    rig.handle = (_req, res) => res.writeHead(403, headers).write(packed, () => res.destroy());
    assert.deepEqual(errorIn(await rig.send(ping)), { code: 'access_forbidden' });
  });
});

describe('a server whose answer breaks off before it can be handed on', () => {
  const rig = useProxy();
  const responses = 'http.client.response.finish';
  let brokenOff: Promise<void>;
  const note = (message: unknown) => {
    const { response } = message as { response: IncomingMessage };
    if ('dpop-nonce' in response.headers)
      brokenOff = new Promise((resolve) => response.once('close', () => resolve()));
  };
  beforeEach(() => subscribe(responses, note));
  afterEach(() => unsubscribe(responses, note));

  it('is not waited for, here while the nonce in it is noted', async () => {
    const lend = rig.tokens.accessToken.bind(rig.tokens);
    rig.tokens.accessToken = async (...asked) => ({
      ...(await lend(...asked)),
      prove: () => Promise.resolve({ header: 'proof', noted: () => brokenOff }),
    });
    rig.handle = (_req, res) =>
      res.writeHead(200, { 'dpop-nonce': 'n', 'content-length': 9 }).write('{', () => res.destroy());
    assert.deepEqual(errorIn(await rig.send(ping)), { code: 'server_failed' });
  });
});

describe('a request that is too large to be repeated', () => {
  const rig = useProxy();
  const filler = 'x'.repeat(1_200_000);
  beforeEach(() => {
    rig.tokens.answers = ['token-1', 'token-2'];
    rig.handle = (_req, res) => res.writeHead(401).end();
  });

  for (const [where, body] of [
    ['first', `{"jsonrpc":"2.0","id":41,"method":"tools/call","params":{"a":"${filler}"}}`],
    ['last', `{"method":"tools/call","params":{"a":"${filler}"},"jsonrpc":"2.0","id":41}`],
  ] as const) {
    it(`is reported as such to whoever wrote its id ${where}`, async () => {
      const answer = await rig.send(Buffer.from(body));
      assert.equal(answer.status, 200);
      assert.deepEqual((JSON.parse(answer.text) as { id: unknown }).id, 41);
      assert.deepEqual(errorIn(answer), { code: 'token_rejected' });
      assert.match(answer.text, /too large to be repeated/);
      assert.equal(rig.seen.length, 1);
    });
  }

  for (const sizeBytes of [1_048_577, 1_050_000, 1_100_000, 1_114_000]) {
    it(`is answered for by its id, written last, when it has ${sizeBytes} bytes`, async () => {
      const [head, tail] = ['{"method":"tools/call","params":{"a":"', '"},"jsonrpc":"2.0","id":41}'];
      const body = head + 'x'.repeat(sizeBytes - head.length - tail.length) + tail;
      const answer = await rig.send(Buffer.from(body));
      assert.deepEqual([answer.status, (JSON.parse(answer.text) as { id: unknown }).id], [200, 41]);
    });
  }

  it('is answered for by its id, written last, although nothing of it was sent', async () => {
    rig.tokens.answers = [new BrokerError('issuer_unreachable', 'Down.')];
    const body = `{"method":"tools/call","params":{"a":"${filler}"},"jsonrpc":"2.0","id":41}`;
    const answer = await rig.send(Buffer.from(body));
    assert.deepEqual([answer.status, (JSON.parse(answer.text) as { id: unknown }).id], [200, 41]);
    assert.deepEqual(rig.seen, []);
  });

  it('leads to wider permissions all the same, so that the next call has them', async () => {
    rig.tokens.allow = () => Promise.resolve();
    rig.handle = (_req, res) =>
      res.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="a"' }).end();
    const answer = await rig.send(Buffer.from(`{"id":41,"method":"x","params":{"a":"${filler}"}}`));
    assert.deepEqual(errorIn(answer), { code: 'token_rejected' });
    assert.match(answer.text, /too large to be repeated/);
    assert.ok(rig.tokens.asked.some((line) => line.startsWith('widerToken')));
    assert.equal(rig.seen.length, 1);
  });

  for (const [where, answer] of [
    ['first', `{"jsonrpc":"2.0","id":0,"result":{"content":"${filler}"}}`],
    ['last', `{"result":{"content":"${filler}"},"jsonrpc":"2.0","id":0}`],
    ['last, as an error', `{"error":{"code":1,"message":"${filler}"},"jsonrpc":"2.0","id":0}`],
  ] as const) {
    it(`is answered with a status alone when it is an answer to the server, with its id ${where}`, async () => {
      const refused = await rig.send(Buffer.from(answer));
      await rig.stop();
      const lost = await rig.send(Buffer.from(answer));
      assert.deepEqual([refused.status, refused.text, lost.status, lost.text], [503, '', 503, '']);
    });
  }

  it('is what the settings say that it is', async () => {
    await rig.close();
    await rig.open({ replayLimitBytes: () => 65_536 });
    rig.tokens.answers = ['token-1', 'token-2'];
    rig.handle = (_req, res) => res.writeHead(401).end();
    const answer = await rig.send({ ...toolCall, params: { a: 'x'.repeat(70_000) } });
    assert.match(answer.text, /too large to be repeated.*65536/);
    rig.tokens.answers = ['token-1', 'token-2'];
    await rig.send({ ...toolCall, params: { a: 'x'.repeat(60_000) } });
    assert.equal(rig.seen.length, 3);
  });

  it('is reported with a status when nobody can tell its id', async () => {
    const answer = await rig.send(Buffer.from(`{"params":{"a":"${filler}"},"id":1,"more":"${filler}"}`));
    assert.deepEqual([answer.status, (JSON.parse(answer.text) as { id: unknown }).id], [413, null]);
  });

  it('is reported when the server answers before it has heard all of it', async () => {
    rig.handle = (req, res) => {
      res.writeHead(401, { connection: 'close' }).end();
      req.destroy();
    };
    const answer = await rig.send(Buffer.from(`{"id":9,"params":{"a":"${filler}"}}`));
    assert.equal((JSON.parse(answer.text) as { id: unknown }).id, 9);
  });
});

describe('an answer of our own', () => {
  const rig = useProxy();
  beforeEach(() => {
    rig.tokens.answers = [new BrokerError('issuer_unreachable', 'Down.')];
  });

  it('is an event for a client that takes nothing else', async () => {
    const { headers, text } = await rig.send(ping, { accept: 'text/event-stream' });
    assert.equal(headers['content-type'], 'text/event-stream');
    const [, data] = /^event: message\ndata: (.*)\n\n$/.exec(text) ?? [];
    assert.equal((JSON.parse(data ?? '') as { id: unknown }).id, 'p');
  });

  for (const accept of ['application/json, text/event-stream', '*/*', 'application/json', '']) {
    it(`is JSON for a client that takes “${accept}”`, async () => {
      const { headers, text } = await rig.send(ping, accept === '' ? {} : { accept });
      assert.deepEqual(
        [headers['content-type'], errorIn({ text })],
        ['application/json', { code: 'issuer_unreachable' }],
      );
    });
  }
});

describe('a stream for what the server says by itself', () => {
  const rig = useProxy();
  const accept = { accept: 'text/event-stream', 'mcp-session-id': 's-1' };

  async function chunksOf(answer: AsyncIterable<Buffer>, count: number): Promise<string[]> {
    const chunks: string[] = [];
    for await (const chunk of answer) {
      chunks.push(String(chunk));
      if (chunks.length === count) break;
    }
    return chunks;
  }

  it('is held open while the server is away, and is the server’s own when it is back', async () => {
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\ndata: {}\n\n');
    };
    const port = await rig.stop();
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    await rig.clock.armed(1_000);
    rig.clock.advance(1_000); // One more attempt, in vain.
    await rig.clock.armed(2_000);
    rig.clock.advance(1_000);
    const answer = await answered;
    assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, 'text/event-stream']);
    await rig.listen(port);
    rig.clock.advance(1_000);
    assert.equal((await chunksOf(answer, 2)).join(''), ': waiting\n\nid: 1\ndata: {}\n\n');
    outgoing.destroy();
  });

  it('is held open while the renewal of the token is put off, whatever for', async () => {
    const details = { nextAttemptAtMs: 10_000 };
    rig.tokens.answers = [new BrokerError('vault_write_failed', 'Full.', { details }), 'token-2'];
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
    };
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    await rig.clock.armed(1_000);
    rig.clock.advance(1_000);
    assert.deepEqual(await chunksOf(await answered, 1), ['data: {}\n\n']);
    outgoing.destroy();
  });

  it('is refused at once, and with words, to the first client of a server that nobody is signed in for', async () => {
    rig.tokens.answers = [new BrokerError('sign_in_required', 'Nobody.')];
    rig.tokens.reached = false;
    const first = await rig.send('', { accept: 'text/event-stream' }, 'GET');
    assert.equal(first.status, 405);
    assert.match(first.text, /explained/);
    assert.ok(!rig.tokens.asked.some((line) => line.startsWith('signedIn')));
  });

  for (const method of ['initialize', 'server/discover'])
    it(`waits for a server that has no sessions and has answered ${method}, for a client that names no version`, async () => {
      rig.tokens.reached = false;
      await rig.send({ jsonrpc: '2.0', id: 0, method, params: {} });
      const port = await rig.stop();
      const { answered, outgoing } = rig.begin('', { accept: 'text/event-stream' }, 'GET');
      await Promise.race([rig.clock.armed(2_000), answered]);
      rig.handle = (_req, res) =>
        void res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
      await rig.listen(port);
      rig.clock.advance(1_000);
      assert.deepEqual(await chunksOf(await answered, 1), ['data: {}\n\n']);
      outgoing.destroy();
    });

  it('is cut at a sign-out, whether or not its answer has begun', async () => {
    let late: (() => void) | undefined;
    rig.handle = (_req, res) => {
      late = () => res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
    };
    const { answered } = rig.begin('', accept, 'GET');
    const heard = answered.then(
      (answer) => chunksOf(answer, 1),
      () => 'cut',
    );
    await settled(() => late !== undefined);
    await rig.proxy.signedOut(rig.id);
    late?.();
    assert.equal(await heard, 'cut');
  });

  it('waits for a sign-in without asking for one, and without an end', async () => {
    let signIn: () => void = () => undefined;
    rig.tokens.signIn = () => new Promise((resolve) => (signIn = resolve));
    rig.tokens.answers = [new BrokerError('grant_refused', 'Dead.'), 'token-2'];
    rig.handle = (_req, res) =>
      void res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    await rig.clock.armed(2_000);
    rig.clock.advance(1_000_000);
    const answer = await answered;
    assert.ok(rig.tokens.asked.includes(`signedIn ${rig.id} quietly`));
    signIn();
    const all = (await chunksOf(answer, 2)).join('');
    assert.match(all, /^(: waiting\n\n)+/);
    outgoing.destroy();
  });

  it('ends when the server turns out to offer none, so that the client asks again and hears that', async () => {
    const port = await rig.stop();
    const { answered } = rig.begin('', accept, 'GET');
    await rig.clock.armed(1_000);
    rig.clock.advance(1_000);
    await rig.clock.armed(2_000);
    rig.clock.advance(1_000);
    const answer = await answered;
    rig.handle = (_req, res) => res.writeHead(405).end();
    await rig.listen(port);
    rig.clock.advance(1_000);
    assert.equal((await answer.toArray()).join(''), ': waiting\n\n');
    assert.equal((await rig.send('', accept, 'GET')).status, 405);
  });

  it('leaves nothing behind when the client goes while it waits', async () => {
    await rig.stop();
    const { answered, outgoing } = rig.begin('', accept, 'GET');
    answered.catch(() => undefined);
    await rig.clock.armed(1_000);
    outgoing.destroy();
    await settled(() => rig.clock.pending.length === 0);
    assert.deepEqual(rig.clock.pending, []);
  });

  it('is refused with 405 for what will not pass', async () => {
    rig.handle = (_req, res) => res.writeHead(403).end();
    assert.equal((await rig.send('', accept, 'GET')).status, 405);
    assert.equal((await rig.send(toolCall)).status, 200);
  });
});
