import assert from 'node:assert/strict';
import { counterNames, Counters, gaugeNames } from '../../src/core/counters.js';

describe('the counters', () => {
  it('start at nothing, each under its name', () => {
    const entries = new Counters().entries();
    assert.deepEqual(
      entries.map(([name]) => name),
      [...counterNames, ...gaugeNames],
    );
    assert.ok(entries.every(([, value]) => value === 0));
  });

  it('say in which condition something is, as it was noted last', () => {
    const counters = new Counters();
    counters.note('storage.condition', 'fails');
    counters.note('background.service', 'paused');
    counters.note('storage.condition', 'works');
    assert.deepEqual(counters.conditions, {
      'background.service': 'paused',
      'storage.condition': 'works',
    });
  });

  it('count up, and show the last value of what is measured', () => {
    const counters = new Counters();
    counters.add('refreshes.renewed');
    counters.add('refreshes.renewed');
    counters.set('refreshes.queued', 7);
    counters.set('refreshes.queued', 3);
    assert.deepEqual(
      counters.entries().filter(([, value]) => value > 0),
      [
        ['refreshes.renewed', 2],
        ['refreshes.queued', 3],
      ],
    );
  });
});
