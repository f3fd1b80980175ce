import assert from 'node:assert/strict';
import { request, type IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { ProxyRig } from '../support/proxy-rig.js';

/** The same traffic in every run, unless `FUZZ_SEED` says otherwise; more of it with `FUZZ_RUNS`. */
const seed = Number(process.env['FUZZ_SEED'] ?? 20_260_728);
const numRuns = Math.ceil(Number(process.env['FUZZ_RUNS'] ?? 100_000) / 1_000);

interface Exchange {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly isChunked: boolean;
  readonly status: number;
  readonly answerHeaders: readonly (readonly [string, string])[];
  readonly pieces: readonly Buffer[];
}

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).map((name) => `x-${name}`);
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const known = fc.constantFrom(
  ['accept', 'application/json, text/event-stream'],
  ['Accept-Encoding', 'gzip, br'],
  ['Mcp-Session-Id', 'session-1'],
  ['mcp-protocol-version', '2025-11-25'],
  ['Mcp-Method', 'tools/call'],
  ['last-event-id', 'event 7'],
  ['Content-Type', 'application/json'],
  ['user-agent', 'An Editor/1.0'],
  ['x-twice', '1'],
) as fc.Arbitrary<readonly [string, string]>;
const anyHeaders = fc.array(fc.oneof(known, fc.tuple(token, value)), { maxLength: 8 });
const bytes = fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array));
const events = fc.constantFrom(
  ': comment\n\n',
  'id: 1\nevent: message\ndata: {"a":1}\n\n',
  'data: ä\r\n\r\n',
  'retry: 5\n\n',
  'data: half',
  '\n\n',
);
const exchanges: fc.Arbitrary<Exchange> = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'DELETE'),
  headers: anyHeaders,
  body: bytes,
  isChunked: fc.boolean(),
  status: fc.constantFrom(200, 200, 200, 201, 202, 204, 304, 400, 404, 405, 409, 418, 429, 500, 503),
  answerHeaders: fc.array(
    fc.oneof(
      fc.tuple(token, value),
      fc.constantFrom(
        ['content-type', 'application/json'],
        ['content-type', 'text/event-stream'],
        ['Mcp-Session-Id', 'session-1'],
        ['content-encoding', 'x-unknown'],
        ['Retry-After', '3'],
        ['cache-control', 'no-store'],
      ) as fc.Arbitrary<readonly [string, string]>,
    ),
    { maxLength: 6 },
  ),
  pieces: fc.array(
    fc.oneof(
      bytes,
      events.map((text) => Buffer.from(text)),
    ),
    { maxLength: 6 },
  ),
});

/** A stream that may be of the older transport is read on its way, so nothing of a GET is packed. */
function readable(exchange: Exchange): Exchange {
  if (exchange.method !== 'GET') return exchange;
  const plain = (headers: Exchange['headers']) =>
    headers.filter(([name]) => !/^(accept|content)-encoding$/i.test(name));
  return { ...exchange, headers: plain(exchange.headers), answerHeaders: plain(exchange.answerHeaders) };
}

/** What belongs to one connection, or is ours to say, and so may differ. */
const ofTheWay = [
  'host',
  'connection',
  'keep-alive',
  'date',
  'transfer-encoding',
  'content-length',
  'authorization',
  'trailer',
];

const pairs = (raw: readonly string[]) =>
  raw
    .flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1]] as const] : []))
    .filter(([name]) => !ofTheWay.includes(name.toLowerCase()));

/** The order of lines counts within one name alone, and names in any case are one (RFC 9110 §5.1 and §5.3). */
const byName = (raw: readonly string[]) =>
  pairs(raw)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

describe('what goes through the proxy', () => {
  const rig = new ProxyRig();
  const seen: unknown[] = [];
  let plan: Exchange;

  before(() => rig.open());
  after(() => rig.close());

  beforeEach(() => {
    rig.handle = (req, res) => {
      const body = rig.seen.at(-1)?.body;
      seen.push({ method: req.method, url: req.url, headers: byName(req.rawHeaders), body });
      const { status, answerHeaders, pieces } = plan;
      res.writeHead(status, answerHeaders.flat());
      // Each piece by itself, so that a piece that is held back is seen.
      const write = (at: number): void => {
        const piece = pieces[at];
        if (piece === undefined) res.end();
        else if (piece.length === 0) write(at + 1);
        else res.write(piece, () => setImmediate(() => write(at + 1)));
      };
      write(0);
    };
  });

  async function send(url: string, authorization: string): Promise<object> {
    const { method, headers, body, isChunked } = plan;
    const sent = method === 'POST' ? body : Buffer.alloc(0);
    const framing =
      method === 'POST'
        ? isChunked
          ? ['transfer-encoding', 'chunked']
          : ['content-length', String(sent.length)]
        : [];
    const { host } = new URL(url);
    const all = ['host', host, 'authorization', authorization, ...headers.flat(), ...framing];
    const outgoing = request(url, { method, headers: all });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.on('response', resolve).on('error', reject);
    });
    outgoing.end(sent);
    const answer = await answered;
    const chunks = (await answer.toArray()) as Buffer[];
    return {
      status: answer.statusCode,
      headers: pairs(answer.rawHeaders),
      body: Buffer.concat(chunks).toString('latin1'),
      isComplete: answer.complete,
    };
  }

  it('is what goes without it, byte by byte, both ways', async function () {
    this.timeout(120_000);
    const endpoint = rig.proxy.endpoint(rig.id);
    const capability = `Bearer ${endpoint?.capability.reveal() ?? ''}`;
    await fc.assert(
      fc.asyncProperty(exchanges.map(readable), async (exchange) => {
        plan = exchange;
        seen.length = 0;
        const direct = await send(rig.url, 'Bearer token-1');
        const through = await send(endpoint?.url ?? '', capability);
        assert.deepEqual(through, direct);
        assert.deepEqual(seen[1], seen[0]);
        assert.deepEqual(rig.seen.at(-1)?.authorization, 'Bearer token-1');
      }),
      { seed, numRuns },
    );
  });

  it('is not held back: every event is there before the next is sent', async () => {
    for (const type of ['text/event-stream', 'application/json', 'application/octet-stream']) {
      let go: () => void = () => undefined;
      rig.handle = (_req, res) => {
        res.writeHead(200, { 'content-type': type });
        let count = 0;
        go = () => (++count > 5 ? res.end() : res.write(`data: ${count}\n\n`));
        go();
      };
      const { answered } = rig.begin('{}');
      let count = 0;
      for await (const chunk of await answered) {
        assert.equal(String(chunk), `data: ${++count}\n\n`);
        go();
      }
      assert.equal(count, 5);
    }
  });

  it('is not read faster than the caller takes it', async function () {
    this.timeout(30_000);
    const total = 32 * 1_048_576;
    const piece = Buffer.alloc(1_048_576);
    let written = 0;
    rig.handle = (_req, res) => {
      res.writeHead(200, { 'content-type': 'application/octet-stream' });
      const write = (): void => {
        if (written >= total) res.end();
        else {
          written += piece.length;
          res.write(piece, write);
        }
      };
      write();
    };
    const answer = await rig.begin('{}').answered;
    answer.pause();
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(written < total, 'A reader who waits lets the server wait.');
    let read = 0;
    for await (const chunk of answer) read += (chunk as Buffer).length;
    assert.equal(read, total);
  });
});
