import assert from 'node:assert/strict';
import type { ServerId } from '../../src/core/server.js';
import { Bindings, type Bound } from '../../src/vault/bindings.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';

const id = 'Notes "a"' as ServerId;
const bound: Bound = {
  kind: 'bound',
  account: { issuer: 'https://as.example.com', subject: 'u-1', label: 'alice@example.com' },
  clientId: 'c',
  resource: 'https://mcp.example.com/mcp',
};

describe('bindings', () => {
  const memento = new FakeMemento();
  const log = new RecordingLog();
  const bindings = new Bindings(memento, 'file:///a', log);

  it('come back after a reload, with and without a session', async () => {
    for (const binding of [bound, { ...bound, reachedAtMs: 5 }, { kind: 'signed-out' } as const]) {
      await bindings.set(id, binding);
      assert.deepEqual(new Bindings(memento, 'file:///a', log).get(id), binding);
    }
  });

  it('belong to one workspace and one server', async () => {
    await bindings.set(id, bound);
    assert.equal(new Bindings(memento, 'file:///b', log).get(id), undefined);
    assert.equal(bindings.get('Notes' as ServerId), undefined);
    // A label can be made to look like the separator between workspace and server.
    assert.equal(new Bindings(memento, 'file:///a","Notes', log).get('a' as ServerId), undefined);
  });

  it('are set aside when they are damaged', async () => {
    const [key = ''] = memento.keys();
    await memento.update(key, { ...bound, token: 'x' });
    assert.equal(bindings.get(id), undefined);
    assert.equal(log.at('error').length, 1);
  });
});
