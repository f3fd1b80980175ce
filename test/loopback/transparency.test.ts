import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Deed } from '../support/deed.js';
import { LockstepRig, mayBeLegacy, passed } from '../support/lockstep-rig.js';
import { ProxyRig } from '../support/proxy-rig.js';

/** The same traffic in every run, unless `FUZZ_SEED` says otherwise; more of it with `FUZZ_RUNS`. */
const seed = Number(process.env['FUZZ_SEED'] ?? 20_260_728);
const numRuns = Math.ceil(Number(process.env['FUZZ_RUNS'] ?? 100_000) / 1_000);

interface Exchange {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: readonly (readonly [string, string])[];
  /** The body of a POST. */
  readonly body: readonly Piece[];
  readonly isChunked: boolean;
  readonly status: number;
  readonly answerHeaders: readonly (readonly [string, string])[];
  readonly pieces: readonly Piece[];
  /** How it ends once the answer has begun. */
  readonly ending: 'end' | 'break off' | 'hang up';
}

/** Bytes, or as many as cannot be told one by one. */
type Piece = Buffer | number;

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
const bytes = fc.uint8Array({ maxLength: 2_000, size: 'medium' }).map((array) => Buffer.from(array));
/** More than a stream takes in at once. */
const many = fc.integer({ min: 60_000, max: 300_000 });
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
  body: fc.array(fc.oneof({ weight: 9, arbitrary: bytes }, { weight: 1, arbitrary: many }), { maxLength: 4 }),
  isChunked: fc.boolean(),
  ending: fc.constantFrom('end', 'end', 'end', 'break off', 'hang up'),
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
      { weight: 5, arbitrary: bytes },
      { weight: 5, arbitrary: events.map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: many },
    ),
    { maxLength: 6 },
  ),
});

const unpacked = (headers: Exchange['headers']) =>
  headers.filter(([name]) => !/^content-encoding$/i.test(name));

/** What the server of a stream that is read on its way has to keep to: it is not packed, and goes on event by event. */
const readable = (exchange: Exchange): Exchange =>
  deedsOf(exchange, 1).some(mayBeLegacy)
    ? {
        ...exchange,
        answerHeaders: unpacked(exchange.answerHeaders),
        pieces: exchange.pieces.map((piece) => Buffer.concat([bytesOf(piece), Buffer.from('\n\n')])),
      }
    : exchange;

const date = ['date', 'Tue, 28 Jul 2026 00:00:00 GMT'];

/** Of many, no two places look the same for long. */
const bytesOf = (piece: Piece): Buffer =>
  typeof piece === 'number' ? Buffer.alloc(piece, 'abcdefghijklmnopqrstuvwxyz\x00') : piece;

function deedsOf(exchange: Exchange, call: number): Deed[] {
  const { method, headers, body, isChunked, status, answerHeaders, pieces, ending } = exchange;
  const sent = method === 'POST' ? body.map(bytesOf) : [];
  const framing = isChunked ? ['transfer-encoding', 'chunked'] : ['content-length', '0'];
  const lines = [...headers.flat(), ...(method === 'POST' ? framing : [])];
  const said = status === 204 || status === 304 ? [] : pieces.map(bytesOf).filter(({ length }) => length > 0);
  return [
    { call, does: 'ask', method, headers: lines, pieces: sent },
    { call, does: 'answer', status, headers: [...date, ...answerHeaders.flat()] },
    ...said.map((piece) => ({ call, does: 'say', piece }) as const),
    // What nobody has heard anything of cannot be cut short.
    { call, does: said.length > 0 ? ending : 'end' },
  ];
}

/** All conversations at once; each of `turns` says whose turn it is. */
function interleaved(conversations: readonly (readonly Deed[])[], turns: readonly number[]): Deed[] {
  const left = conversations.map((deeds) => [...deeds]);
  const order = turns.flatMap((turn) => left[turn % left.length]?.shift() ?? []);
  return [...order, ...left.flat()];
}

describe('what goes through the proxy, in lockstep', () => {
  const rig = new LockstepRig();

  before(() => rig.open());
  after(() => rig.close());

  it('is what goes without it, byte by byte, both ways, each piece before the next is sent', async function () {
    const limitMs = 60_000 + 100 * numRuns;
    this.timeout(2 * limitMs);
    const some = fc.array(exchanges.map(readable), { minLength: 1, maxLength: 3 });
    const turns = fc.array(fc.nat(5), { maxLength: 20, size: 'max' });
    await fc.assert(
      fc.asyncProperty(some, turns, fc.constantFrom(0, 100), async (together, order, limit) => {
        // What is not kept for a replay goes on as it comes.
        rig.replayLimitBytes = limit;
        const deeds = interleaved(together.map(deedsOf), order);
        const direct = await rig.directly(deeds);
        assert.deepEqual(await rig.through(deeds), passed(direct, deeds));
      }),
      // A failure that takes long is told before it has been made as small as can be.
      { seed, numRuns, interruptAfterTimeLimit: limitMs, markInterruptAsFailure: true },
    );
  });
});

describe('what goes through the proxy', () => {
  const rig = new ProxyRig();

  before(() => rig.open());
  after(() => rig.close());

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
