import assert from 'node:assert/strict';
import { bench, topicNames } from './bench.js';
import { median, percentile, rowsOf, type Row } from './measure.js';
import { fullSizes } from './sizes.js';
import { jsonOf, tableOf } from './table.js';

describe('the bench', () => {
  it('measures everything beside something else, here with as little as there can be', async function () {
    this.timeout(60_000);
    const told: Row[] = [];
    const sizes = {
      accounts: 2,
      sessions: 3,
      sessionsBefore: [1, 2, 3],
      samples: 1,
      collections: 0,
      slices: 1,
      warmingCalls: 1,
      calls: 2,
      callsAtOnce: 2,
      events: 2,
      streamBytes: 200_000,
      streams: 1,
      servers: 2,
    } as const;
    const rows = await bench(sizes, topicNames, (row) => told.push(row));
    assert.deepEqual(told, rows);
    assert.ok(rows.length >= 23);
    for (const { name, ours, baseline } of rows) {
      for (const { values } of [ours, baseline]) {
        assert.equal(values.length, 1, name);
        assert.ok(values.every(Number.isFinite), name);
      }
    }
    const timers = rows.find(({ unit }) => unit === 'timers');
    assert.deepEqual([timers?.ours.values, timers?.baseline.values], [[1], [1]]);
  });

  for (const count of [2, 3, 4, 5])
    it(`takes each of ${count} sides as often behind any other as behind the rest`, async () => {
      const taken: number[] = [];
      const sides = Array.from({ length: count }, (_, n) => ({
        name: `side ${n}`,
        take: () => Promise.resolve(taken.push(n)),
      }));
      const [ours, ...baseline] = sides;
      assert.ok(ours);
      await rowsOf({ name: 'a call', unit: 'ms', ours, baseline }, 2 * count - 1);
      const pairs = new Map<string, number>();
      for (let at = 0; at < taken.length; at++) {
        if (at % count === 0) continue;
        const pair = `${taken[at - 1]} ${taken[at]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      }
      assert.deepEqual([pairs.size, ...new Set(pairs.values())], [count * (count - 1), 2]);
    });

  const row: Row = {
    name: 'a call',
    unit: 'ms',
    ours: { name: 'ours', values: [3, 1, 2] },
    baseline: { name: 'direct', values: [4, 8, 4] },
  };

  it('tells a person the medians, how far the values lie apart, and the ratio round by round', () => {
    const [header = '', , line = ''] = tableOf([row]).split('\n');
    assert.match(header, /^measure +this extension +beside +ratio$/);
    assert.match(line, /^a call +ours: 2 \[1–3\] ms +direct: 4 \[4–8\] ms +0\.500 \[0\.125–0\.750\]×$/);
  });

  it('tells a program every value', () => {
    const { rows } = JSON.parse(jsonOf([row])) as { rows: readonly Row[] };
    assert.deepEqual(rows, [
      { ...row, ratio: 0.5, ours: { ...row.ours, median: 2 }, baseline: { ...row.baseline, median: 4 } },
    ]);
  });

  it('refuses a topic that it does not know, and names those it knows', async () => {
    await assert.rejects(bench(fullSizes, ['speed']), /no topic "speed".*proxy/);
  });

  it('takes the value that so many percent do not exceed', () => {
    const values = Array.from({ length: 200 }, (_, n) => n + 1);
    assert.deepEqual([percentile(values, 50), percentile(values, 99), percentile([7], 99)], [100, 198, 7]);
  });

  it('takes the middle of an even number from both sides of it', () => {
    assert.equal(median([4, 1, 3, 2]), 2.5);
  });
});
