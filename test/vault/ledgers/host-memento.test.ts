import assert from 'node:assert/strict';
import { HostMemento } from '../../../src/vault/ledgers/host-memento.js';
import { FakeMemento } from '../../support/fake-memento.js';

describe('what one host has in globalState', () => {
  it('has keys that begin with its id, and is seen by no other host', async () => {
    const globalState = new FakeMemento();
    const [here, there] = ['here', 'there'].map((id) => new HostMemento(globalState, { id, known: id }));
    await globalState.update('storage.profile', 'of all hosts');
    await here?.update('a', 1);
    await there?.update('a', 2);
    await there?.update('b', 3);
    assert.deepEqual(globalState.keys(), ['storage.profile', 'here/a', 'there/a', 'there/b']);
    assert.deepEqual([here?.keys(), here?.get('a'), here?.get('b')], [['a'], 1, undefined]);
    await here?.update('a', undefined);
    assert.deepEqual([here?.keys(), there?.keys()], [[], ['a', 'b']]);
  });

  it('is nothing on a host that has no id, and none is made by looking', async () => {
    const globalState = new FakeMemento();
    await globalState.update('undefined/a', 1);
    const host = {
      known: undefined,
      get id(): string {
        throw new Error('Somebody made an id.');
      },
    };
    const here = new HostMemento(globalState, host);
    assert.deepEqual([here.keys(), here.get('a')], [[], undefined]);
  });
});
