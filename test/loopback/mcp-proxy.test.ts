import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { BrokerError, hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { ServerId } from '../../src/core/server.js';
import type { LentToken, TokenSource } from '../../src/core/token-source.js';
import { McpProxy } from '../../src/loopback/mcp-proxy.js';
import { FakeClock } from '../support/fake-clock.js';
import { listen, readBody, type Listener } from '../support/listener.js';
import { RecordingAudit } from '../support/recording-audit.js';
import { RecordingLog } from '../support/recording-log.js';

const id = 'Notes ✎' as ServerId;
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami' } };

/** Lends what the test put there, and waits for the user as long as the test wants. */
class TokensOnTable implements TokenSource {
  readonly asked: string[] = [];
  /** What the next answers are; the last one stays. */
  answers: (BrokerError | string)[] = ['token-1'];
  signIn: ((isOver: AbortSignal) => Promise<void>) | undefined;
  allow: ((isOver: AbortSignal) => Promise<void>) | undefined;

  constructor(private readonly resource: () => string) {}

  accessToken(server: ServerId, session?: string): Promise<LentToken> {
    return this.#lend(`accessToken ${server} ${session ?? '-'}`);
  }

  newerToken(server: ServerId, session: string | undefined, refused: LentToken): Promise<LentToken> {
    return this.#lend(`newerToken ${server} ${session ?? '-'} ${refused.token.reveal()}`);
  }

  widerToken(
    server: ServerId,
    _session: string | undefined,
    lent: LentToken,
    challenges: readonly string[],
    signal: AbortSignal,
  ): Promise<LentToken> {
    const asked = `widerToken ${server} ${lent.token.reveal()} ${challenges.join(' | ')}`;
    if (this.allow === undefined) {
      this.asked.push(asked);
      const details = { account: lent.account.label };
      return Promise.reject(new BrokerError('access_forbidden', 'Forbidden.', { details }));
    }
    return this.allow(signal).then(() => this.#lend(asked));
  }

  signedIn(server: ServerId, signal: AbortSignal): Promise<void> {
    this.asked.push(`signedIn ${server}`);
    assert.ok(this.signIn !== undefined, 'Nobody should wait for the user.');
    return this.signIn(signal);
  }

  sessionOpened(server: ServerId, session: string, { account }: LentToken): void {
    this.asked.push(`sessionOpened ${server} ${session} ${account.label}`);
  }

  sessionClosed(server: ServerId, session: string): void {
    this.asked.push(`sessionClosed ${server} ${session}`);
  }

  #lend(what: string): Promise<LentToken> {
    this.asked.push(what);
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    if (answer instanceof BrokerError) return Promise.reject(answer);
    const account = { issuer: 'https://as.example.com', subject: 'u-1', label: 'alice@example.com' };
    return Promise.resolve({
      token: new Secret(answer ?? ''),
      account,
      resource: this.resource(),
      scopes: [],
    });
  }
}

const refused = new BrokerError('grant_refused', 'Dead.');

describe('the MCP proxy', () => {
  let upstream: Listener;
  let handle: (req: IncomingMessage, res: ServerResponse, body: string) => void;
  let seen: { method: string; authorization: string | undefined; body: string }[];
  let connections: Set<unknown>;
  let proxy: McpProxy;
  let tokens: TokensOnTable;
  let clock: FakeClock;
  let log: RecordingLog;
  let url: string;
  const agent = new Agent({ keepAlive: true });

  before(async () => {
    upstream = await listen('127.0.0.1');
    upstream.serve(async (req, res) => {
      connections.add(req.socket);
      const body = await readBody(req, 8_000_000);
      seen.push({ method: req.method ?? '', authorization: req.headers.authorization, body });
      handle(req, res, body);
    });
    url = `${upstream.origin}/mcp`;
  });
  after(() => upstream.close());

  beforeEach(async () => {
    [seen, connections] = [[], new Set()];
    handle = (_req, res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    tokens = new TokensOnTable(() => url);
    [clock, log] = [new FakeClock(), new RecordingLog()];
    proxy = await McpProxy.start({
      tokens,
      clock,
      log,
      audit: new RecordingAudit(),
      ask: () => Promise.reject(new Error('Nobody planned to be asked.')),
      signInWaitSeconds: () => 120,
      explain: (error) => `explained: ${hasCode(error, 'grant_refused') ? 'sign in' : String(error)}`,
    });
    proxy.setServers([{ id, url, auth: {} }]);
  });
  afterEach(() => {
    proxy.dispose();
    agent.destroy();
    assert.deepEqual(clock.pending, []);
  });

  interface Answer {
    readonly status: number;
    readonly headers: IncomingMessage['headers'];
    readonly text: string;
  }

  /** One request of the editor, and the answer as soon as its headers are there. */
  function open(body: string | Buffer, headers: Record<string, string> = {}, method = 'POST') {
    const endpoint = proxy.endpoint(id);
    assert.ok(endpoint);
    const authorization = `Bearer ${endpoint.capability.reveal()}`;
    const outgoing = request(endpoint.url, { method, headers: { authorization, ...headers }, agent });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.on('response', resolve).on('error', reject);
    });
    outgoing.end(body);
    return { outgoing, answered };
  }

  async function send(
    body: unknown = call,
    headers: Record<string, string> = {},
    method = 'POST',
  ): Promise<Answer> {
    const sent = body instanceof Buffer ? body : method === 'POST' ? JSON.stringify(body) : '';
    const answer = await open(sent, headers, method).answered;
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text };
  }

  const isError = ({ text }: Answer): unknown => {
    const { result, error } = JSON.parse(text) as {
      result?: { isError?: boolean };
      error?: { data?: unknown };
    };
    return result?.isError === true ? 'result' : error?.data;
  };

  it('puts the token in the place of the capability, and hands on both ways', async () => {
    handle = (_req, res, body) => res.writeHead(202, { 'x-answer': '1' }).end(body.toUpperCase());
    const { status, headers, text } = await send({ a: 'ä' });
    assert.deepEqual([status, headers['x-answer'], text], [202, '1', '{"A":"Ä"}']);
    assert.deepEqual(seen, [{ method: 'POST', authorization: 'Bearer token-1', body: '{"a":"ä"}' }]);
    assert.deepEqual(tokens.asked, [`accessToken ${id} -`]);
  });

  it('keeps one connection to the server for calls in a row', async () => {
    for (let n = 0; n < 5; n++) await send();
    assert.equal(connections.size, 1);
  });

  it('serves nobody elsewhere, and reveals nothing', async () => {
    const { port } = new URL(proxy.endpoint(id)?.url ?? '');
    for (const path of [
      '/',
      '/mcp',
      '/mcp/',
      '/mcp/other',
      `${new URL(proxy.endpoint(id)?.url ?? '').pathname}?x`,
    ]) {
      const capability = proxy.endpoint(id)?.capability.reveal() ?? '';
      const headers = { authorization: `Bearer ${capability}` };
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: '{}' });
      assert.deepEqual([answer.status, await answer.text()], [404, '']);
    }
    assert.deepEqual([seen, tokens.asked], [[], []]);
  });

  it('keeps the endpoint of a server that stays, and gives each its own capability', () => {
    const other = 'other' as ServerId;
    const before = proxy.endpoint(id);
    proxy.setServers([
      { id, url, auth: { scopes: ['a'] } },
      { id: other, url, auth: {} },
    ]);
    assert.equal(proxy.endpoint(id)?.capability.reveal(), before?.capability.reveal());
    assert.equal(proxy.endpoint(id)?.url, before?.url);
    assert.notEqual(proxy.endpoint(other)?.capability.reveal(), before?.capability.reveal());
    proxy.setServers([{ id: other, url, auth: {} }]);
    assert.equal(proxy.endpoint(id), undefined);
    proxy.setServers([{ id, url, auth: {} }]);
    assert.notEqual(proxy.endpoint(id)?.capability.reveal(), before?.capability.reveal());
  });

  describe('when the server answers 401', () => {
    const only = (good: string) => (req: IncomingMessage, res: ServerResponse) => {
      const isGood = req.headers.authorization === `Bearer ${good}`;
      res.writeHead(isGood ? 200 : 401, isGood ? {} : { 'www-authenticate': 'Bearer error="invalid_token"' });
      res.end(isGood ? '{"ok":true}' : 'no');
    };

    it('asks once for a newer token and sends the same request again', async () => {
      handle = only('token-2');
      tokens.answers = ['token-1', 'token-2'];
      const { status, headers, text } = await send(call, { 'mcp-session-id': 's-1' });
      assert.deepEqual([status, text, headers['www-authenticate']], [200, '{"ok":true}', undefined]);
      assert.deepEqual(tokens.asked, [`accessToken ${id} s-1`, `newerToken ${id} s-1 token-1`]);
      assert.equal(seen[0]?.body, seen[1]?.body);
    });

    it('gives up after the second refusal, in words', async () => {
      handle = only('token-3');
      tokens.answers = ['token-1', 'token-2'];
      const answer = await send();
      assert.deepEqual([answer.status, isError(answer), seen.length], [200, 'result', 2]);
    });

    it('does not send twice what is too large to be kept', async () => {
      handle = only('token-2');
      tokens.answers = ['token-1', 'token-2'];
      const answer = await send(Buffer.alloc(1_048_577, ' '));
      assert.deepEqual([answer.status, seen.length], [502, 1]);
    });

    it('passes a large body through when the token is good', async () => {
      const { status } = await send(Buffer.alloc(3_000_000, ' '));
      assert.deepEqual([status, seen[0]?.body.length], [200, 3_000_000]);
    });
  });

  describe('when the server answers 403', () => {
    const challenge = 'Bearer error="insufficient_scope", scope="b"';
    beforeEach(() => {
      handle = (req, res) => {
        if (req.headers.authorization === 'Bearer token-2') res.writeHead(200).end('{"ok":true}');
        else res.writeHead(403, { 'www-authenticate': challenge }).end();
      };
      tokens.answers = ['token-1', 'token-2'];
    });

    it('asks once for a token that may do more, and sends the same request again', async () => {
      tokens.allow = () => Promise.resolve();
      const { status, text } = await send();
      assert.deepEqual([status, text], [200, '{"ok":true}']);
      assert.deepEqual(tokens.asked, [`accessToken ${id} -`, `widerToken ${id} token-1 ${challenge}`]);
      assert.equal(seen[0]?.body, seen[1]?.body);
    });

    it('ends in words when the user has not allowed it in time', async () => {
      tokens.allow = (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      const answer = send();
      await clock.armed(120_000);
      clock.advance(120_000);
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
      handle = (_req, res) => res.writeHead(status, { location: 'https://attacker.example/' }).end();
      const answer = await send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
      assert.deepEqual([answer.status, isError(answer), answer.headers.location], [200, { code }, undefined]);
      assert.equal(seen.length, 1);
    });
  }

  for (const status of [304, 400, 404, 405, 429, 500, 503]) {
    it(`hands on ${status}`, async () => {
      handle = (_req, res) => res.writeHead(status, { 'retry-after': '7' }).end();
      const answer = await send();
      assert.deepEqual([answer.status, answer.headers['retry-after']], [status, '7']);
    });
  }

  it('says that the server does not answer, and sends nothing a second time', async () => {
    handle = (req) => req.socket.destroy();
    assert.equal(isError(await send()), 'result');
    assert.equal(seen.length, 1);
    assert.match(log.at('warn')[0] ?? '', /server_unreachable/);
  });

  describe('notes sessions', () => {
    it('that a request without one opens, for the account whose token it carried', async () => {
      handle = (_req, res) => res.writeHead(200, { 'mcp-session-id': 's-9' }).end('{}');
      await send();
      await send(call, { 'mcp-session-id': 's-9' });
      assert.deepEqual(tokens.asked, [
        `accessToken ${id} -`,
        `sessionOpened ${id} s-9 alice@example.com`,
        `accessToken ${id} s-9`,
      ]);
    });

    it('that the server no longer knows, and that the client ends', async () => {
      handle = (req, res) => res.writeHead(req.method === 'DELETE' ? 204 : 404).end();
      await send(call, { 'mcp-session-id': 's-1' });
      await send(undefined, { 'mcp-session-id': 's-2' }, 'DELETE');
      assert.deepEqual(
        tokens.asked.filter((line) => line.startsWith('sessionClosed')),
        [`sessionClosed ${id} s-1`, `sessionClosed ${id} s-2`],
      );
    });

    it('of another account with 404, so that the client opens a new one', async () => {
      tokens.answers = [new BrokerError('session_account_changed', 'Changed.')];
      const { status, text } = await send(call, { 'mcp-session-id': 's-1' });
      assert.deepEqual([status, text, seen], [404, '', []]);
    });
  });

  describe('when only the user can help', () => {
    for (const because of [refused, new BrokerError('storage_locked', 'It is locked.')]) {
      it(`waits, and lets the same call go on: ${because.code}`, async () => {
        let signIn: () => void = () => undefined;
        tokens.signIn = () => new Promise((resolve) => (signIn = resolve));
        tokens.answers = [because, 'token-2'];
        const answering = send();
        await clock.armed(120_000);
        signIn();
        assert.equal((await answering).text, '{"ok":true}');
        assert.deepEqual(tokens.asked, [`accessToken ${id} -`, `signedIn ${id}`, `accessToken ${id} -`]);
      });
    }

    it('ends in words when the limit is reached', async () => {
      tokens.signIn = (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      tokens.answers = [refused];
      const answering = send();
      await clock.armed(120_000);
      clock.advance(120_000);
      const answer = await answering;
      assert.equal(isError(answer), 'result');
      assert.match(answer.text, /explained: sign in/);
    });

    it('stops waiting when the caller hangs up', async () => {
      const gone = new Promise<void>((resolve) => {
        tokens.signIn = (signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              resolve();
              reject(signal.reason as Error);
            });
          });
      });
      tokens.answers = [refused];
      const { outgoing, answered } = open(JSON.stringify(call));
      answered.catch(() => undefined);
      await clock.armed(120_000);
      outgoing.destroy();
      await gone;
      while (clock.pending.length > 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(seen, []);
    });

    it('does not wait to end a session', async () => {
      tokens.answers = [refused];
      assert.equal((await send(undefined, { 'mcp-session-id': 's-1' }, 'DELETE')).status, 204);
    });

    it('does not wait when waiting does not help', async () => {
      tokens.answers = [new BrokerError('issuer_unreachable', 'Down.')];
      assert.deepEqual(isError(await send({ jsonrpc: '2.0', id: 1, method: 'ping' })), {
        code: 'issuer_unreachable',
      });
    });
  });

  it('hands on a stream event by event', async () => {
    let more: () => void = () => undefined;
    handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      more = () => res.end('data: 2\n\n');
    };
    const answer = await open(JSON.stringify(call)).answered;
    const events = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    assert.equal(String((await events.next()).value), 'data: 1\n\n');
    more();
    assert.equal(String((await events.next()).value), 'data: 2\n\n');
    assert.ok((await events.next()).done);
  });

  it('hands on the headers of a stream before its first event', async () => {
    handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    };
    const { outgoing, answered } = open('', { accept: 'text/event-stream' }, 'GET');
    assert.equal((await answered).statusCode, 200);
    outgoing.destroy();
  });

  it('ends the request to the server when the caller hangs up, before and in the answer', async () => {
    for (const isStreaming of [false, true]) {
      const closed = new Promise((resolve) => {
        handle = (_req, res) => {
          res.on('close', resolve);
          if (isStreaming) res.writeHead(200).write('data: 1\n\n');
        };
      });
      const { outgoing, answered } = open(JSON.stringify(call));
      answered.catch(() => undefined);
      if (isStreaming) await once(await answered, 'data');
      else while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
      outgoing.on('error', () => undefined).destroy();
      await closed;
    }
  });

  it('breaks off its answer when the server does, so that half is not taken for whole', async () => {
    handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n', () => res.destroy());
    };
    const answer = await open(JSON.stringify(call)).answered;
    await assert.rejects(answer.toArray(), /aborted/);
  });

  it('sends no token to another address than it is for', async () => {
    tokens = Object.assign(tokens, { resource: () => 'https://other.example.com/mcp' });
    assert.equal(isError(await send()), 'result');
    assert.deepEqual(seen, []);
  });

  it('writes no token and no capability into the log', async () => {
    handle = (req) => req.socket.destroy();
    await send();
    const capability = proxy.endpoint(id)?.capability.reveal() ?? '';
    assert.ok(log.text.length > 0 && !log.text.includes(capability) && !log.text.includes('token-1'));
  });
});
