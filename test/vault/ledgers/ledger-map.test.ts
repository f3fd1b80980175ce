import assert from 'node:assert/strict';
import * as v from 'valibot';
import { LedgerMap } from '../../../src/vault/ledgers/ledger-map.js';
import { FailingLedger } from '../../support/failing-ledger.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLog } from '../../support/recording-log.js';

const hourMs = 3_600_000;

describe('what is kept in a ledger', () => {
  let ledger: FailingLedger;
  let clock: FakeClock;
  let log: RecordingLog;

  beforeEach(() => {
    [ledger, clock, log] = [new FailingLedger(), new FakeClock(), new RecordingLog()];
  });

  const opened = async (wins: 'first' | 'last' = 'last', { keepMs = Infinity, keepCount = 100 } = {}) => {
    const kept = open(wins, { keepMs, keepCount });
    await kept.loaded;
    return kept;
  };
  const open = (wins: 'first' | 'last', { keepMs = Infinity, keepCount = 100 } = {}) =>
    new LedgerMap<string>({ ledger, clock, log }, v.string(), {
      what: 'things',
      wins,
      keepMs: () => keepMs,
      keepCount: () => keepCount,
    });

  it('comes back in the next window', async () => {
    const kept = await opened();
    kept.set('a', '1');
    kept.set('b', '2');
    kept.set('a', '3');
    kept.delete('b');
    await kept.close();
    const again = await opened();
    assert.deepEqual([again.get('a'), again.get('b'), again.size], ['3', undefined, 1]);
    await again.close();
    assert.deepEqual(log.lines, []);
  });

  it('is written a quarter of a second after the first of several changes, in one go, one line each', async () => {
    const kept = await opened();
    for (const key of ['a', 'b', 'c']) kept.set(key, '1');
    assert.deepEqual(clock.pending, [250]);
    clock.advance(249);
    assert.equal(ledger.appends.length, 0);
    clock.advance(1);
    await ledger.appended(1);
    assert.deepEqual(
      ledger.appends.map((lines) => lines.length),
      [3],
    );
    assert.deepEqual(clock.pending, []);
    await kept.close();
    assert.equal(ledger.appends.length, 1);
  });

  it('costs one line for each change, however much there is', async () => {
    const kept = await opened('first', { keepCount: 100_000 });
    for (let n = 0; n < 1_000; n++) kept.set(`${n}`, 'x');
    clock.advance(250);
    await ledger.appended(1);
    kept.set('one more', 'x');
    clock.advance(250);
    await ledger.appended(2);
    assert.equal(ledger.appends[1]?.length, 1);
    await kept.close();
  });

  it('is what came first, or what came last, also when a set-back clock says otherwise', async () => {
    for (const [wins, expected] of [
      ['first', 'old'],
      ['last', 'new'],
    ] as const) {
      ledger = new FailingLedger();
      const kept = await opened(wins);
      kept.set('a', 'old');
      await kept.close();
      clock = new FakeClock(clock.nowMs() - hourMs);
      const later = await opened(wins);
      later.set('a', 'new');
      assert.equal(later.get('a'), expected);
      await later.close();
      const last = await opened(wins);
      assert.equal(last.get('a'), expected);
      await last.close();
    }
  });

  it('is what came first among windows that knew nothing of each other, in whatever order their lines lie', async () => {
    const [one, other] = [await opened('first'), await opened('first')];
    other.set('a', 'first');
    clock.advance(1);
    one.set('a', 'second');
    await one.close();
    await other.close();
    const later = await opened('first');
    assert.equal(later.get('a'), 'first');
    await later.close();
  });

  it('may be set again once it was deleted', async () => {
    const kept = await opened('first');
    kept.set('a', 'one');
    kept.delete('a');
    clock.advance(1);
    kept.set('a', 'two');
    await kept.close();
    const again = await opened('first');
    assert.equal(again.get('a'), 'two');
    await again.close();
  });

  describe('before it has been read', () => {
    it('has what this window says, and afterwards what the ledger knows better', async () => {
      const before = await opened('first');
      before.set('a', 'first');
      before.set('b', 'first');
      await before.close();
      clock.advance(1);
      const release = ledger.hold();
      const kept = open('first');
      kept.set('a', 'second');
      kept.set('c', 'second');
      kept.delete('b');
      assert.deepEqual([kept.get('a'), kept.isLoaded], ['second', false]);
      release();
      await kept.loaded;
      assert.deepEqual(
        [kept.get('a'), kept.get('b'), kept.get('c'), kept.isLoaded],
        ['first', undefined, 'second', true],
      );
      await kept.close();
    });
  });

  describe('with rules', () => {
    it('of age forgets what is older, in memory and in the ledger', async () => {
      const kept = await opened();
      kept.set('old', '1');
      clock.advance(hourMs);
      kept.set('young', '2');
      await kept.close();
      clock.advance(1);
      const again = await opened('last', { keepMs: hourMs });
      assert.deepEqual([again.get('old'), again.get('young')], [undefined, '2']);
      await again.close();
      assert.deepEqual([ledger.lines.length, ledger.folds], [1, 1]);
    });

    it('of number forgets the oldest, at once', async () => {
      const kept = await opened('first', { keepCount: 2 });
      for (const key of ['a', 'b', 'c']) {
        kept.set(key, key);
        clock.advance(1);
      }
      assert.deepEqual([kept.get('a'), kept.get('b'), kept.get('c')], [undefined, 'b', 'c']);
      await kept.close();
      const again = await opened('first', { keepCount: 2 });
      assert.deepEqual([again.get('a'), again.size], [undefined, 2]);
      await again.close();
      assert.equal(ledger.lines.length, 2);
    });

    it('has the youngest of those that were set again', async () => {
      const kept = await opened('last', { keepCount: 2 });
      for (const key of ['a', 'b', 'a', 'c']) kept.set(key, key);
      assert.deepEqual([kept.get('a'), kept.get('b')], ['a', undefined]);
      await kept.close();
    });
  });

  describe('is tidied up', () => {
    it('not when every line is of use and they lie together', async () => {
      const kept = await opened();
      kept.set('a', '1');
      await kept.close();
      await (await opened()).close();
      assert.equal(ledger.folds, 0);
    });

    it('when a line is of no use any more', async () => {
      const kept = await opened();
      kept.set('a', '1');
      kept.set('a', '2');
      await kept.close();
      await (await opened()).close();
      assert.deepEqual([ledger.folds, ledger.lines.length], [1, 1]);
    });

    it('when it lies in many pieces', async () => {
      ledger.pieces = 5;
      await (await opened()).close();
      assert.equal(ledger.folds, 1);
    });

    it('in a window that stays open and changes much', async () => {
      const kept = await opened();
      for (let n = 0; n < 1_001; n++) kept.set('a', `${n}`);
      clock.advance(250);
      await ledger.appended(1);
      await kept.close();
      assert.deepEqual([ledger.folds, ledger.lines.length], [1, 1]);
    });
  });

  it('goes without the lines that are damaged, and says so once', async () => {
    const kept = await opened();
    kept.set('a', '1');
    kept.set('b', '2');
    await kept.close();
    const other = { version: 1, key: 'c', atMs: 0 };
    ledger.lines = [
      ...ledger.lines,
      '{"version":1,"key":"a","at',
      JSON.stringify({ ...other, value: 7 }),
      JSON.stringify({ ...other, version: 2 }),
      JSON.stringify({ ...other, token: 'x' }),
      'null',
    ];
    const again = await opened();
    assert.deepEqual([again.get('a'), again.get('b'), again.size], ['1', '2', 2]);
    await again.close();
    assert.equal(log.lines.length, 1);
    assert.match(log.text, /^warn Damaged things are left out: 5 lines/);
    assert.equal(ledger.lines.length, 2);
  });

  describe('when the ledger fails', () => {
    it('to be read, goes on from memory', async () => {
      ledger.failNext('load');
      const kept = await opened();
      kept.set('a', '1');
      assert.equal(kept.get('a'), '1');
      await kept.close();
      assert.equal(ledger.lines.length, 1);
      assert.match(log.text, /things cannot be read.*The folder is locked/);
    });

    it('to be written, tries again with the next change, and says so once', async () => {
      const kept = await opened();
      ledger.failNext('append', 2);
      for (const key of ['a', 'b', 'c']) {
        kept.set(key, '1');
        clock.advance(250);
        await ledger.appended(ledger.appends.length + 1);
      }
      assert.equal(kept.get('a'), '1');
      await kept.close();
      assert.deepEqual(
        ledger.appends.map((lines) => lines.length),
        [1, 2, 3],
      );
      assert.equal(ledger.lines.length, 3);
      assert.equal(log.at('warn').length, 1);
    });

    it('to be tidied up, stays as it is', async () => {
      ledger.pieces = 9;
      ledger.failNext('fold');
      await (await opened()).close();
      assert.match(log.text, /cannot be tidied up/);
    });
  });

  it('writes nothing any more once it is closed', async () => {
    const kept = await opened();
    await kept.close();
    kept.set('a', '1');
    assert.equal(kept.get('a'), '1');
    assert.deepEqual([clock.pending, ledger.lines], [[], []]);
  });
});
