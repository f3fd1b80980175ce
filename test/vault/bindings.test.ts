import assert from 'node:assert/strict';
import type { ServerId } from '../../src/core/server.js';
import { Bindings, type Bound } from '../../src/vault/bindings.js';
import { MemoryLedger } from '../../src/vault/memory-ledger.js';
import { FakeClock } from '../support/fake-clock.js';
import { RecordingLog } from '../support/recording-log.js';

const id = 'Notes "a"' as ServerId;
const bound: Bound = {
  kind: 'bound',
  account: { issuer: 'https://as.example.com', subject: 'u-1', label: 'alice@example.com' },
  clientId: 'c',
  resource: 'https://mcp.example.com/mcp',
};

describe('bindings', () => {
  const ledger = new MemoryLedger();
  const clock = new FakeClock();
  const log = new RecordingLog();

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
    const [line = ''] = ledger.lines.slice(-1);
    ledger.lines = [line.replace('"kind"', '"token":"x","kind"')];
    assert.equal((await opened()).get(id), undefined);
    assert.equal(log.at('warn').length, 1);
  });
});
