import assert from 'node:assert/strict';
import * as v from 'valibot';
import { Remembered } from '../../../src/vault/records/remembered.js';
import { FakeMemento } from '../../support/fake-memento.js';
import { RecordingLog } from '../../support/recording-log.js';

const schema = v.strictObject({ n: v.number() });

describe('what is remembered in globalState', () => {
  let memento: FakeMemento;
  let log: RecordingLog;
  let entries: Remembered<{ n: number }>;

  beforeEach(() => {
    memento = new FakeMemento();
    log = new RecordingLog();
    entries = new Remembered(memento, 'thing:', schema, log);
  });

  /** The promises of the editor's memento settle without a timer. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('comes back, each under a key of its own', async () => {
    await entries.set('a', { n: 1 });
    await entries.set('b', { n: 2 });
    assert.deepEqual(memento.keys(), ['thing:a', 'thing:b']);
    assert.deepEqual(entries.get('a'), { n: 1 });
    assert.deepEqual(entries.entries(), [
      ['a', { n: 1 }],
      ['b', { n: 2 }],
    ]);
    await entries.delete('a');
    assert.deepEqual(entries.entries(), [['b', { n: 2 }]]);
  });

  it('leaves what belongs to others', async () => {
    await memento.update('other:a', { n: 1 });
    assert.equal(entries.get('a'), undefined);
    assert.deepEqual(entries.entries(), []);
  });

  it('is set aside and reported when it is damaged, and stops none of the others', async () => {
    await memento.update('thing:bad', { n: 'text' });
    await entries.set('good', { n: 1 });
    assert.deepEqual(entries.entries(), [['good', { n: 1 }]]);
    await settled();
    assert.deepEqual(memento.get('damaged:thing:bad'), { n: 'text' });
    assert.deepEqual(
      memento.keys().filter((key) => key.startsWith('thing:')),
      ['thing:good'],
    );
    assert.equal(log.at('error').length, 1);
    assert.match(log.text, /thing:bad/);
  });

  it('is not set aside when something sound has taken its place', async () => {
    await memento.update('thing:bad', 7);
    assert.equal(entries.get('bad'), undefined);
    await entries.set('bad', { n: 1 });
    await settled();
    assert.deepEqual(entries.get('bad'), { n: 1 });
  });

  it('is only ignored when it cannot be set aside', async () => {
    await memento.update('thing:bad', 7);
    memento.failNext();
    assert.equal(entries.get('bad'), undefined);
    await settled();
    assert.equal(memento.get('thing:bad'), 7);
    assert.equal(log.at('warn').length, 1);
  });
});
