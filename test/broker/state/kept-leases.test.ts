import assert from 'node:assert/strict';
import { KeptLeases } from '../../../src/broker/state/kept-leases.js';
import { hasCode } from '../../../src/core/errors.js';
import { FakeClock } from '../../support/fake-clock.js';
import { MemoryLeases, type WindowLeases } from '../../support/memory-leases.js';

const patienceMs = 120_000;
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('leases that are kept beyond their work', () => {
  let clock: FakeClock;
  let shared: MemoryLeases;
  let window: WindowLeases;
  let here: KeptLeases;
  let there: KeptLeases;

  beforeEach(() => {
    clock = new FakeClock();
    shared = new MemoryLeases(clock);
    window = shared.window();
    here = new KeptLeases(window);
    there = new KeptLeases(shared.window());
  });

  const keep = () =>
    here.hold('one', () => {
      here.keep('one');
      return Promise.resolve('done');
    });

  it('are given back with the work unless they are to be kept', async () => {
    assert.equal(await here.hold('one', () => Promise.resolve('done')), 'done');
    assert.deepEqual(shared.held, []);
    assert.equal(await keep(), 'done');
    assert.deepEqual(shared.held, ['one']);
    here.release('one');
    await soon();
    assert.deepEqual(shared.held, []);
  });

  it('let the work of their own window go on, one after the other, and nobody else', async () => {
    const order: string[] = [];
    await keep();
    const elsewhere = there.hold('one', () => Promise.resolve(order.push('there')));
    const slow = here.hold('one', async (lease) => {
      await soon();
      order.push(`first, held: ${await lease.isHeld()}`);
    });
    const next = here.hold('one', () => Promise.resolve(order.push('second')));
    here.release('one');
    await Promise.all([slow, next, elsewhere]);
    assert.deepEqual(order, ['first, held: true', 'second', 'there']);
  });

  it('let work of their own window go on that has waited since before they were kept', async () => {
    const isKept = here.hold('one', async () => {
      await soon();
      here.keep('one');
    });
    const waiting = [1, 2].map((n) => here.hold('one', () => Promise.resolve(n)));
    assert.deepEqual(await Promise.all([isKept, ...waiting]), [undefined, 1, 2]);
    assert.deepEqual(shared.held, ['one']);
    here.release('one');
  });

  it('let work of their own window go on that has waited with it for another window', async () => {
    let finish = (): void => undefined;
    const elsewhere = there.hold('one', () => new Promise<void>((resolve) => (finish = resolve)));
    const isKept = keep();
    const waiting = here.hold('one', () => Promise.resolve('went on'));
    await soon();
    finish();
    assert.deepEqual(await Promise.all([elsewhere, isKept, waiting]), [undefined, 'done', 'went on']);
    here.release('one');
  });

  it('are taken anew when the window was given up for frozen', async () => {
    await keep();
    window.freeze();
    const elsewhere = there.hold('one', () => Promise.resolve('there'));
    clock.advance(15_000);
    assert.equal(await elsewhere, 'there');
    window.thaw();
    assert.equal(await here.hold('one', async (lease) => lease.isHeld()), true);
    assert.deepEqual(shared.held, []);
  });

  it('are not waited for without end', async () => {
    await keep();
    const waiting = assert.rejects(
      there.hold('one', () => assert.fail('It is held.')),
      (error) => hasCode(error, 'renewed_elsewhere'),
    );
    await clock.armed(patienceMs);
    clock.advance(patienceMs);
    await waiting;
    here.release('one');
    await soon();
    assert.deepEqual(shared.held, []);
  });

  it('are given back when their work fails', async () => {
    await assert.rejects(
      here.hold('one', () => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.deepEqual(shared.held, []);
  });
});
