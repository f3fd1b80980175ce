import assert from 'node:assert/strict';
import {
  memoryJournal,
  memoryMemento,
  memorySecrets,
  OwnLeases,
} from '../../../src/vault/secrets/in-memory.js';

describe('what is kept in memory alone', () => {
  it('is secrets', async () => {
    const secrets = memorySecrets();
    await secrets.store('a', 'one');
    assert.deepEqual([await secrets.get('a'), await memorySecrets().get('a')], ['one', undefined]);
    await secrets.delete('a');
    assert.equal(await secrets.get('a'), undefined);
  });

  it('is state, of which copies are handed out', async () => {
    const memento = memoryMemento();
    const value = { list: [1] };
    await memento.update('a', value);
    value.list.push(2);
    assert.deepEqual(memento.get('a'), { list: [1] });
    await memento.update('b', null);
    assert.deepEqual([memento.keys(), memento.get('b'), memento.get('c')], [['a', 'b'], null, undefined]);
    await memento.update('a', undefined);
    assert.deepEqual(memento.keys(), ['b']);
  });

  it('is a journal', async () => {
    const journal = memoryJournal();
    journal.watch(() => assert.fail('There are no other windows.')).dispose();
    await journal.write('a', 'one');
    assert.deepEqual([await journal.names(), await journal.read('a')], [['a'], 'one']);
    await journal.remove('a');
    assert.equal(await journal.read('a'), undefined);
  });

  it('is leases: one holder at a time for each name, in the order of asking, whatever fails', async () => {
    const leases = new OwnLeases();
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (name === 'b') throw new Error('b fails');
      return name;
    };
    const results = await Promise.allSettled([
      leases.hold('x', work('a')),
      leases.hold('x', work('b')),
      leases.hold('x', work('c')),
      leases.hold('y', async (lease) => order.push(`y ${String(await lease.isHeld())}`)),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    assert.ok(order.includes('y true'));
    assert.deepEqual(
      order.filter((line) => !line.startsWith('y')),
      ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'],
    );
  });
});
