import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../src/node/system-clock.js';

describe('the clock of this computer', () => {
  it('does not fire at once for a delay that a timer cannot count to', async () => {
    let fired = 0;
    const timer = systemClock.after(40 * 86_400_000, () => fired++);
    await wait(20);
    timer.dispose();
    assert.equal(fired, 0);
  });
});
