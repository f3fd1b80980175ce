import assert from 'node:assert/strict';
import { removeOutgrown } from '../../src/vault/outgrown.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';

describe('what globalState no longer holds', () => {
  it('is removed from it, and nothing else', async () => {
    const [memento, log] = [new FakeMemento(), new RecordingLog()];
    for (const key of ['session:a', 'session:b', 'binding:["w","s"]', 'credential:c', 'approval:d'])
      await memento.update(key, 1);
    memento.failNext();
    await removeOutgrown(memento, log);
    assert.equal(log.at('warn').length, 1);
    await removeOutgrown(memento, log);
    assert.deepEqual(memento.keys(), ['credential:c', 'approval:d']);
  });
});
