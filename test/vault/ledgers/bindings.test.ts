import assert from 'node:assert/strict';
import type { ServerId } from '../../../src/core/server.js';
import { Bindings, type Bound } from '../../../src/vault/ledgers/bindings.js';
import { MemoryLedger } from '../../../src/vault/ledgers/memory-ledger.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLog } from '../../support/recording-log.js';

const dayMs = 24 * 3_600_000;

const id = 'Notes "a"' as ServerId;
const bound: Bound = {
  kind: 'bound',
  account: { issuer: 'https://as.example.com', subject: 'u-1', label: 'alice@example.com' },
  clientId: 'c',
  resource: 'https://mcp.example.com/mcp',
};

describe('bindings', () => {
  let ledger: MemoryLedger;
  let clock: FakeClock;
  let log: RecordingLog;

  beforeEach(() => {
    [ledger, clock, log] = [new MemoryLedger(), new FakeClock(), new RecordingLog()];
  });

  const opened = async (workspace = 'file:///a') => {
    const bindings = new Bindings({ ledger, clock, log }, workspace);
    await bindings.loaded;
    return bindings;
  };

  it('come back after a reload, with and without a session', async () => {
    for (const binding of [bound, { ...bound, reachedAtMs: 5 }, { kind: 'signed-out' } as const]) {
      const before = await opened();
      before.set(id, binding);
      await before.end();
      const after = await opened();
      assert.deepEqual(after.get(id), binding);
      await after.end();
    }
  });

  it('belong to one workspace and one server', async () => {
    const bindings = await opened();
    bindings.set(id, bound);
    await bindings.end();
    assert.equal((await opened('file:///b')).get(id), undefined);
    assert.equal(bindings.get('Notes' as ServerId), undefined);
    // A label can be made to look like the separator between workspace and server.
    assert.equal((await opened('file:///a","Notes')).get('a' as ServerId), undefined);
  });

  it('are left out when they are damaged', async () => {
    const before = await opened();
    before.set(id, bound);
    await before.end();
    const [line = ''] = ledger.lines;
    ledger.lines = [line.replace('"kind"', '"token":"x","kind"')];
    assert.equal((await opened()).get(id), undefined);
    assert.equal(log.at('warn').length, 1);
  });

  describe('that are inferred lose against a sign-out in another window of the workspace', () => {
    const later = async () => (await opened()).get(id)?.kind;

    it('that was not written yet when this one was opened, and knew of nothing', async () => {
      const leaving = await opened();
      leaving.set(id, { kind: 'signed-out' });
      clock.advance(100);
      const knowingNothing = await opened();
      assert.equal(knowingNothing.get(id), undefined);
      clock.advance(dayMs);
      knowingNothing.infer(id, bound);
      knowingNothing.infer(id, { ...bound, reachedAtMs: clock.nowMs() });
      await Promise.all([knowingNothing.end(), leaving.end()]);
      assert.equal(await later(), 'signed-out');
    });

    it('that was made while the clock was set back', async () => {
      const before = await opened();
      before.set(id, bound);
      await before.end();
      clock = new FakeClock(clock.nowMs() - dayMs);
      const [going, leaving] = [await opened(), await opened()];
      leaving.set(id, { kind: 'signed-out' });
      await leaving.end();
      for (let n = 0; n < 2_000; n++) going.infer(id, { ...bound, reachedAtMs: n });
      await going.end();
      for (const inOrder of [ledger.lines, ledger.lines.toReversed()]) {
        ledger.lines = [...inOrder];
        assert.equal(await later(), 'signed-out');
      }
    });
  });

  it('that are inferred from nothing are kept, and lose to what the user says next', async () => {
    const before = await opened();
    before.infer(id, bound);
    await before.end();
    clock.advance(300 * dayMs);
    const after = await opened();
    assert.deepEqual(after.get(id), bound);
    after.set(id, { kind: 'signed-out' });
    await after.end();
    assert.equal((await opened()).get(id)?.kind, 'signed-out');
  });

  describe('that nobody uses', () => {
    const names = async (workspace: string, ids: readonly string[]) => {
      const bindings = await opened(workspace);
      return ids.map((one) => bindings.get(one as ServerId)?.kind);
    };

    it('go, but for those of this workspace and those that were signed out', async () => {
      for (const workspace of ['file:///a', 'file:///b']) {
        const bindings = await opened(workspace);
        bindings.set('bound' as ServerId, bound);
        bindings.set('out' as ServerId, { kind: 'signed-out' });
        await bindings.end();
      }
      clock.advance(200 * dayMs);
      const here = await opened('file:///a');
      assert.equal((await here.elsewhere()).filter(({ kind }) => kind === 'bound').length, 1);
      await here.dropUnused(clock.nowMs() - 180 * dayMs);
      assert.deepEqual(await here.elsewhere(), [{ kind: 'signed-out' }]);
      assert.deepEqual(await names('file:///a', ['bound', 'out']), ['bound', 'signed-out']);
      assert.deepEqual(await names('file:///b', ['bound', 'out']), [undefined, 'signed-out']);
    });

    it('make room for others, and those of this workspace stay', async () => {
      const here = await opened('file:///a');
      here.set('mine' as ServerId, bound);
      const there = await opened('file:///b');
      clock.advance(1);
      for (let n = 0; n < 10_000; n++) there.set(`s${n}` as ServerId, bound);
      await there.end();
      await here.end();
      assert.deepEqual(await names('file:///a', ['mine']), ['bound']);
      const all = await (await opened('file:///a')).elsewhere();
      assert.equal(all.filter(({ kind }) => kind === 'bound').length, 9_999);
    });
  });
});
