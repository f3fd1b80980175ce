import assert from 'node:assert/strict';
import { Brake } from '../../../src/broker/state/brake.js';
import { FakeClock } from '../../support/fake-clock.js';

describe('the brake', () => {
  it('admits so many in a span of time, per key, and does not count what it refuses', () => {
    const clock = new FakeClock();
    const brake = new Brake(clock, 2, 1_000);
    assert.deepEqual([brake.admits('a'), brake.admits('a'), brake.admits('a')], [true, true, false]);
    assert.ok(brake.admits('b'));
    clock.advance(999);
    assert.ok(!brake.admits('a'));
    clock.advance(1);
    assert.deepEqual([brake.admits('a'), brake.admits('a'), brake.admits('a')], [true, true, false]);
  });

  it('lets the span slide: one is free again as soon as one is old enough', () => {
    const clock = new FakeClock();
    const brake = new Brake(clock, 2, 1_000);
    brake.admits('a');
    clock.advance(600);
    brake.admits('a');
    clock.advance(400);
    assert.deepEqual([brake.admits('a'), brake.admits('a')], [true, false]);
  });

  it('says when it opens again', () => {
    const clock = new FakeClock();
    const brake = new Brake(clock, 1, 1_000);
    assert.equal(brake.opensAtMs('a'), clock.nowMs());
    brake.admits('a');
    clock.advance(400);
    assert.equal(brake.opensAtMs('a'), clock.nowMs() + 600);
  });

  it('forgets what was on a clock that has been set back since', () => {
    const clock = new FakeClock();
    const brake = new Brake(clock, 1, 1_000);
    brake.admits('a');
    clock.sleep(-3_600_000);
    assert.ok(brake.admits('a'));
  });
});
