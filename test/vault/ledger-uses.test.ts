import assert from 'node:assert/strict';
import * as v from 'valibot';
import { LedgerMap } from '../../src/vault/ledgers/ledger-map.js';
import { FailingLedger } from '../support/failing-ledger.js';
import { FakeClock } from '../support/fake-clock.js';
import { RecordingLog } from '../support/recording-log.js';

const [hourMs, dayMs] = [3_600_000, 86_400_000];

/** An old line lies behind a new one as soon as two windows have written. */
const orders: readonly (readonly [string, (lines: readonly string[]) => string[]])[] = [
  ['as they were written', (lines) => [...lines]],
  ['the other way round', (lines) => lines.toReversed()],
  ['each of them twice', (lines) => [...lines, ...lines]],
];

describe('what is kept in a ledger, and how long ago it was used', () => {
  let ledger: FailingLedger;
  let clock: FakeClock;
  let log: RecordingLog;
  let windows: LedgerMap<string>[];

  beforeEach(() => {
    [ledger, clock, log, windows] = [new FailingLedger(), new FakeClock(), new RecordingLog(), []];
  });
  afterEach(() => Promise.all(windows.map((kept) => kept.close())));

  /** A window that keeps what is called `signed-out` whatever happens. */
  async function opened(keepCount = 100) {
    const kept = new LedgerMap<string>({ ledger, clock, log }, v.string(), {
      what: 'things',
      wins: 'last',
      keepMs: () => Infinity,
      keepCount: () => keepCount,
      stays: (_, value) => value === 'signed-out',
    });
    windows.push(kept);
    await kept.loaded;
    return kept;
  }
  /** Lets everything be written that waits. */
  const written = async () => {
    clock.advance(250);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const valuesOf = async (...keys: readonly string[]) => {
    const kept = await opened();
    return keys.map((key) => kept.get(key));
  };

  it('is written once a day, by one line, however often it is used and by however many windows', async () => {
    const first = await opened();
    first.set('a', '1');
    await written();
    const all = [first, await opened(), await opened()];
    for (let hour = 0; hour < 23; hour++) {
      clock.advance(hourMs);
      for (const kept of all) kept.use('a');
    }
    assert.deepEqual([ledger.lines.length, clock.pending], [1, []]);
    clock.advance(hourMs);
    first.use('a');
    await written();
    assert.equal(ledger.lines.length, 2);
    const later = await opened();
    later.use('a');
    assert.deepEqual(
      [ledger.lines.length, clock.pending],
      [1, []],
      'It has been tidied up, and nothing added.',
    );
  });

  it('is nothing for what is not there', async () => {
    const kept = await opened();
    kept.use('a');
    assert.deepEqual([kept.get('a'), clock.pending], [undefined, []]);
  });

  for (const [how, inOrder] of orders)
    for (const [what, value] of [
      ['a newer value', 'newer'],
      ['a sign-out', 'signed-out'],
    ] as const)
      it(`undoes no ${what.slice(2)} of another window that the user of it knows nothing of, with the lines ${how}`, async () => {
        const [mine, others, unknowing] = [await opened(), await opened(), await opened()];
        clock.advance(1);
        mine.set('a', 'old');
        await written();
        const knowing = await opened();
        clock.advance(hourMs);
        others.set('a', value);
        clock.advance(3 * dayMs);
        mine.use('a');
        knowing.infer('a', 'old, and reached');
        unknowing.infer('a', 'the only one');
        await written();
        assert.equal(ledger.lines.length, 5);
        ledger.lines = inOrder(ledger.lines);
        assert.deepEqual(await valuesOf('a'), [value]);
        // The use counts all the same: the place is used.
        const kept = await opened();
        await kept.dropUnused(clock.nowMs() - dayMs);
        assert.equal(kept.get('a'), value);
        mine.use('a');
        clock.advance(2 * dayMs);
        mine.use('a');
        await written();
        assert.deepEqual(await valuesOf('a'), [value], 'after the lines were put together, too');
      });

  it('has what was inferred from it, or from that there was nothing', async () => {
    const kept = await opened();
    kept.set('a', 'bound');
    clock.advance(hourMs);
    kept.infer('a', 'bound, and reached');
    kept.infer('b', 'the only one');
    await written();
    assert.deepEqual(await valuesOf('a', 'b'), ['bound, and reached', 'the only one']);
    await kept.dropUnused(clock.nowMs() - 1_000);
    assert.deepEqual(
      await valuesOf('a', 'b'),
      ['bound, and reached', 'the only one'],
      'It was used just now.',
    );
  });

  describe('goes', () => {
    it('when no window has used it since, from memory and from the ledger, and says so', async () => {
      const kept = await opened();
      for (const key of ['unused', 'used', 'out']) kept.set(key, key === 'out' ? 'signed-out' : key);
      clock.advance(10 * dayMs);
      kept.use('used');
      const lookedAt = clock.nowMs() - 5 * dayMs;
      await kept.dropUnused(lookedAt);
      assert.deepEqual(
        ['unused', 'used', 'out'].map((key) => kept.get(key)),
        [undefined, 'used', 'signed-out'],
      );
      assert.deepEqual(await valuesOf('unused', 'used', 'out'), [undefined, 'used', 'signed-out']);
      assert.equal(log.text, 'info Unused things are dropped: 1.');
      const { folds } = ledger;
      await kept.dropUnused(lookedAt);
      assert.equal(ledger.folds, folds, 'There is nothing left to drop.');
    });

    it('not when another window has used it since, which this one learns by that', async () => {
      const mine = await opened();
      mine.set('a', '1');
      await written();
      const other = await opened();
      clock.advance(10 * dayMs);
      other.use('a');
      await written();
      const { folds } = ledger;
      for (let look = 0; look < 3; look++) await mine.dropUnused(clock.nowMs() - 5 * dayMs);
      assert.deepEqual([mine.get('a'), ledger.folds - folds, log.text], ['1', 1, '']);
    });

    it('not when this window uses it and the ledger takes nothing for a while', async () => {
      const kept = await opened();
      for (const key of ['a', 'b']) kept.set(key, '1');
      await written();
      clock.advance(10 * dayMs);
      kept.use('a');
      ledger.failNext('append', 2);
      await kept.dropUnused(clock.nowMs() - 5 * dayMs);
      assert.deepEqual(await valuesOf('a', 'b'), ['1', undefined]);
    });

    it('and comes back with the next use of a window that had slept meanwhile', async () => {
      const sleeping = await opened();
      sleeping.set('a', '1');
      await written();
      const awake = await opened();
      clock.advance(10 * dayMs);
      await awake.dropUnused(clock.nowMs() - 5 * dayMs);
      assert.deepEqual(await valuesOf('a'), [undefined]);
      sleeping.use('a');
      await written();
      assert.deepEqual(await valuesOf('a'), ['1']);
    });

    it('not when the ledger cannot be tidied up; the next look tries again', async () => {
      const kept = await opened();
      kept.set('a', '1');
      clock.advance(10 * dayMs);
      ledger.failNext('fold');
      await kept.dropUnused(clock.nowMs());
      assert.deepEqual([kept.get('a'), await valuesOf('a')], ['1', ['1']]);
      await kept.dropUnused(clock.nowMs());
      assert.deepEqual([kept.get('a'), await valuesOf('a')], [undefined, [undefined]]);
    });
  });

  it('counts from when it is first seen where an earlier version wrote it without the time', async () => {
    const line = JSON.stringify({ version: 1, key: 'a', atMs: clock.nowMs() - 1_000 * dayMs, value: '1' });
    ledger.lines = [line];
    const kept = await opened();
    await kept.close();
    assert.equal((JSON.parse(ledger.lines[0] ?? '') as { usedAtMs: number }).usedAtMs, clock.nowMs());
    clock.advance(9 * dayMs);
    const later = await opened();
    await later.dropUnused(clock.nowMs() - 10 * dayMs);
    assert.equal(later.get('a'), '1');
    clock.advance(2 * dayMs);
    await later.dropUnused(clock.nowMs() - 10 * dayMs);
    assert.equal(later.get('a'), undefined);
  });

  it('is the time at which an earlier version has set it since, which notes no uses', async () => {
    const line = { version: 1, key: 'a', atMs: clock.nowMs(), value: '1' };
    const setAtMs = clock.nowMs() + 9 * dayMs;
    ledger.lines = [
      { ...line, usedAtMs: line.atMs },
      { ...line, atMs: setAtMs, value: '2' },
    ].map((one) => JSON.stringify(one));
    clock.advance(10 * dayMs);
    const kept = await opened();
    await kept.dropUnused(setAtMs);
    assert.deepEqual(await valuesOf('a'), ['2']);
    await kept.dropUnused(setAtMs + 1);
    assert.deepEqual(await valuesOf('a'), [undefined]);
  });

  it('counts for the age of what was inferred from nothing, where that has an end', async () => {
    const limited = () =>
      new LedgerMap<string>({ ledger, clock, log }, v.string(), {
        what: 'things',
        wins: 'last',
        keepMs: () => 2 * dayMs,
        keepCount: () => 100,
        stays: () => false,
      });
    const kept = limited();
    await kept.loaded;
    kept.infer('a', 'the only one');
    await kept.close();
    for (const expected of ['the only one', undefined]) {
      clock.advance(1.5 * dayMs);
      const again = limited();
      await again.loaded;
      assert.equal(again.get('a'), expected);
      await again.close();
    }
  });

  it('says what goes first when there are too many: what was used longest ago, and never what stays', async () => {
    const kept = await opened(3);
    kept.set('out', 'signed-out');
    for (const key of ['a', 'b']) {
      kept.set(key, key);
      clock.advance(1);
    }
    clock.advance(dayMs);
    kept.use('a');
    kept.set('c', 'c');
    const left = ['out', 'a', 'b', 'c'].map((key) => kept.get(key));
    assert.deepEqual(left, ['signed-out', 'a', undefined, 'c']);
    await kept.close();
    const again = await opened(3);
    assert.deepEqual(
      ['out', 'a', 'b', 'c'].map((key) => again.get(key)),
      left,
    );
    const few = await opened(1);
    assert.deepEqual(
      ['out', 'a', 'c'].map((key) => few.get(key)),
      ['signed-out', undefined, undefined],
    );
  });

  it('is not noted by a clock that was set back, and not undone by it', async () => {
    const kept = await opened();
    kept.set('a', '1');
    const setAtMs = clock.nowMs();
    await kept.close();
    clock = new FakeClock(setAtMs - 365 * dayMs);
    const later = await opened();
    later.use('a');
    assert.deepEqual(clock.pending, []);
    await later.close();
    clock = new FakeClock(setAtMs + dayMs / 2);
    const right = await opened();
    await right.dropUnused(setAtMs);
    assert.equal(right.get('a'), '1');
  });
});
