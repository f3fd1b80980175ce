import assert from 'node:assert/strict';
import { Announcer } from '../../src/core/announcer.js';
import { pause, until, withinLimit } from '../../src/core/waiting.js';
import { FakeClock } from '../support/fake-clock.js';

const gaveUp = new Error('given up');
const late = new Error('late');

function neverAsked(): boolean {
  throw new assert.AssertionError({ message: 'Asked in vain.' });
}

describe('waiting', () => {
  let clock: FakeClock;
  let giveUp: AbortController;
  let listeners: number;
  const changes = new Announcer<undefined>((error) => assert.ifError(error));
  const onDidChange = (listener: () => void) => {
    listeners += 1;
    const listening = changes.listen(listener);
    return {
      dispose: () => {
        listeners -= 1;
        listening.dispose();
      },
    };
  };

  beforeEach(() => {
    [clock, giveUp, listeners] = [new FakeClock(), new AbortController(), 0];
  });
  afterEach(() => assert.deepEqual([clock.pending, listeners], [[], 0], 'Something is left of a wait.'));

  describe('for a change', () => {
    it('ends with the change that makes it so', async () => {
      let count = 0;
      const waited = until(onDidChange, () => count === 2, giveUp.signal);
      for (; count < 2; count++) changes.announce(undefined);
      assert.equal(listeners, 1);
      changes.announce(undefined);
      await waited;
    });

    it('ends at once when it is so already', async () => {
      await until(onDidChange, () => true, giveUp.signal);
    });

    it('ends with the reason of an abort, and asks nothing when that came before', async () => {
      const waited = until(onDidChange, () => false, giveUp.signal);
      giveUp.abort(gaveUp);
      await assert.rejects(waited, gaveUp);
      await assert.rejects(until(onDidChange, neverAsked, giveUp.signal), gaveUp);
    });
  });

  describe('for a time', () => {
    it('ends when it is over', async () => {
      const waited = pause(clock, 1_000, giveUp.signal);
      clock.advance(1_000);
      await waited;
    });

    it('ends with an abort, which leaves no timer', async () => {
      const waited = pause(clock, 1_000, giveUp.signal);
      giveUp.abort(gaveUp);
      await assert.rejects(waited, gaveUp);
    });
  });

  describe('for work within a limit', () => {
    it('ends as the work does', async () => {
      assert.equal(await withinLimit(clock, 1_000, late, () => Promise.resolve(1)), 1);
      await assert.rejects(
        withinLimit(clock, 1_000, late, () => Promise.reject(gaveUp)),
        gaveUp,
      );
    });

    it('ends at the limit, and tells the work, whose end is nobody’s any more', async () => {
      const told: unknown[] = [];
      const work = (signal: AbortSignal) =>
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => {
            told.push(signal.reason);
            reject(new Error('too late'));
          });
        });
      const waited = withinLimit(clock, 1_000, late, work);
      clock.advance(1_000);
      await assert.rejects(waited, late);
      assert.deepEqual(told, [late]);
    });

    it('ends with an abort, of which the work is told', async () => {
      let told: unknown;
      const work = (signal: AbortSignal) =>
        new Promise<never>(() => {
          signal.addEventListener('abort', () => {
            told = signal.reason;
          });
        });
      const waited = withinLimit(clock, 1_000, late, work, giveUp.signal);
      giveUp.abort(gaveUp);
      await assert.rejects(waited, gaveUp);
      assert.equal(told, gaveUp);
    });
  });
});
