import assert from 'node:assert/strict';
import { RefreshQueue, type Turn, type Urgency } from '../../../src/broker/refresh/refresh-queue.js';
import { Counters } from '../../../src/core/counters.js';
import { hasCode } from '../../../src/core/errors.js';
import { RecordingLog } from '../../support/recording-log.js';

const [one, other] = ['https://one.example.com', 'https://other.example.com'];

describe('the queue of renewals', () => {
  let counters: Counters;
  let log: RecordingLog;
  let queue: RefreshQueue;
  let begun: string[];
  let turns: Map<string, Turn>;

  beforeEach(() => {
    [counters, log] = [new Counters(), new RecordingLog()];
    [begun, turns] = [[], new Map<string, Turn>()];
    queue = new RefreshQueue(counters, log);
  });

  /** Takes a place and notes when its turn has come. */
  function take(key: string, urgency: Urgency = 'background', issuer = one): Turn {
    const turn = queue.take(issuer, key, urgency);
    turns.set(key, turn);
    turn.begun.then(
      () => begun.push(key),
      () => undefined,
    );
    return turn;
  }
  const takeMany = (count: number, urgency?: Urgency, prefix = 'job', issuer?: string) =>
    Array.from({ length: count }, (_, n) => take(`${prefix}-${n}`, urgency, issuer));
  const end = (key: string) => turns.get(key)?.end();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const gauges = () => [counters.get('refreshes.running'), counters.get('refreshes.queued')];
  const isFull = (error: unknown) => hasCode(error, 'refresh_queue_full') && error.details['issuer'] === one;

  it('lets five run at a time, and the next one when one has ended', async () => {
    takeMany(7);
    await settle();
    assert.deepEqual(begun, ['job-0', 'job-1', 'job-2', 'job-3', 'job-4']);
    assert.deepEqual(gauges(), [5, 2]);
    end('job-3');
    await settle();
    assert.equal(begun.at(-1), 'job-5');
    assert.deepEqual(gauges(), [5, 1]);
    for (const key of ['job-0', 'job-1', 'job-2', 'job-4', 'job-5', 'job-6']) end(key);
    assert.deepEqual(gauges(), [0, 0]);
  });

  it('lets a call go before background work, and calls in the order in which they came', async () => {
    takeMany(6);
    take('call-a', 'call');
    take('call-b', 'call');
    for (const key of ['job-0', 'job-1', 'job-2']) end(key);
    await settle();
    assert.deepEqual(begun.slice(5), ['call-a', 'call-b', 'job-5']);
  });

  it('moves background work up when a call joins it', async () => {
    takeMany(8);
    queue.hurry(one, 'job-7');
    end('job-0');
    await settle();
    assert.equal(begun.at(-1), 'job-7');
  });

  it('keeps one issuer’s trouble from delaying another', async () => {
    takeMany(105);
    take('elsewhere', 'background', other);
    await settle();
    assert.equal(begun.at(-1), 'elsewhere');
  });

  describe('when a hundred wait', () => {
    it('turns background work away, says so once, and counts each', () => {
      takeMany(105);
      assert.throws(() => take('late-1'), isFull);
      assert.throws(() => take('late-2'), isFull);
      assert.equal(counters.get('refreshes.rejected'), 2);
      assert.deepEqual(log.at('warn'), [`The queue of renewals at "${one}" is full.`]);
      assert.deepEqual(gauges(), [5, 100]);
    });

    it('gives a call the place of the last background work, which is told so', async () => {
      const last = takeMany(105).at(-1);
      take('call', 'call');
      await assert.rejects(last?.begun ?? Promise.resolve(), isFull);
      last?.end();
      assert.deepEqual([...gauges(), counters.get('refreshes.rejected')], [5, 100, 1]);
      end('job-0');
      await settle();
      assert.equal(begun.at(-1), 'call');
    });

    it('turns a call away that finds only calls', () => {
      takeMany(105, 'call');
      assert.throws(() => take('late', 'call'), isFull);
    });

    it('has a place again when one has ended', () => {
      takeMany(105);
      end('job-0');
      take('late');
      assert.deepEqual(gauges(), [5, 100]);
    });
  });

  it('begins nothing more when it is closed, and lets what runs end', async () => {
    const [, , , , , waiting] = takeMany(6);
    queue.close();
    await assert.rejects(waiting?.begun ?? Promise.resolve(), isFull);
    waiting?.end();
    assert.throws(() => take('late', 'call'), isFull);
    end('job-0');
    assert.deepEqual([begun.length, ...gauges()], [5, 4, 0]);
  });
});
