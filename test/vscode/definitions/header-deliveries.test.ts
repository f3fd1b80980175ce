import assert from 'node:assert/strict';
import type { ServerId } from '../../../src/core/server.js';
import { HeaderDeliveries } from '../../../src/vscode/definitions/header-deliveries.js';
import { FakeClock } from '../../support/fake-clock.js';

describe('a token in a header that lives longer than a timer can count', () => {
  it('makes the editor connect anew once, when it ends', () => {
    const [id, clock, dayMs] = ['notes' as ServerId, new FakeClock(), 86_400_000];
    let outdated = 0;
    const deliveries = new HeaderDeliveries(clock, () => outdated++);
    deliveries.delivered(id, clock.nowMs() + 60 * dayMs);
    for (let day = 0; day < 59; day++) clock.advance(dayMs);
    assert.deepEqual([outdated, deliveries.round(id), clock.pending.length], [0, 0, 1]);
    clock.advance(dayMs);
    assert.deepEqual([outdated, deliveries.round(id), clock.pending.length], [1, 1, 0]);
    deliveries.delivered(id, clock.nowMs() + 60 * dayMs);
    clock.advance(dayMs);
    deliveries.dispose();
    assert.deepEqual(clock.pending, []);
  });
});
