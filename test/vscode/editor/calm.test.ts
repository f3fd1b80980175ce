import assert from 'node:assert/strict';
import { CalmLook } from '../../../src/vscode/editor/calm.js';
import { FakeClock } from '../../support/fake-clock.js';

describe('a look at all servers', () => {
  const setUp = () => {
    const clock = new FakeClock();
    const seen = { servers: 50, looks: 0 };
    const look = new CalmLook(
      clock,
      () => seen.servers,
      () => (seen.looks += 1),
    );
    return { clock, seen, look };
  };

  it('follows each change at once while they are few', () => {
    const { clock, seen, look } = setUp();
    for (let n = 0; n < 3; n++) look.afterChange();
    assert.deepEqual([seen.looks, clock.pending], [3, []]);
  });

  it('follows many changes once when they are many, and soon', () => {
    const { clock, seen, look } = setUp();
    seen.servers = 51;
    for (let n = 0; n < 1_000; n++) look.afterChange();
    assert.deepEqual([seen.looks, clock.pending], [0, [100]]);
    clock.advance(100);
    look.afterChange();
    clock.advance(100);
    assert.equal(seen.looks, 2);
  });

  it('is not taken twice when they have become few', () => {
    const { clock, seen, look } = setUp();
    seen.servers = 51;
    look.afterChange();
    seen.servers = 1;
    look.afterChange();
    assert.deepEqual([seen.looks, clock.pending], [1, []]);
  });

  it('is not taken after the end', () => {
    const { clock, seen, look } = setUp();
    seen.servers = 51;
    look.afterChange();
    look.dispose();
    assert.deepEqual([seen.looks, clock.pending], [0, []]);
  });
});
