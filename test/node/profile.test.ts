import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { hasCode } from '../../src/core/errors.js';
import type { Memento } from '../../src/core/ports.js';
import { ownId, Profile } from '../../src/node/profile.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';

const reachesOthersAfterMs = 300;

describe('a profile', () => {
  const log = new RecordingLog();
  let clock: FakeClock;

  beforeEach(() => {
    clock = new FakeClock();
  });

  const windowWith = (globalState: Memento, host = 'here', newId?: () => string) =>
    new Profile({ host: { id: host }, globalState, clock, log }, newId);

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await nextTurn();
    }
  }

  /**
   * The globalState of `count` windows: what one writes is its own at once, and with the others later.
   * @param isBrowser - each window sends what it has written, so that two may end with the other’s; the desktop’s main
   *   process sends what was written last
   */
  function statesOf(count: number, isBrowser: boolean): readonly FakeMemento[] {
    const states = Array.from({ length: count }, () => new FakeMemento());
    let last: unknown;
    for (const state of states) {
      const write = state.update.bind(state);
      state.update = async (key, value) => {
        last = value;
        clock.after(reachesOthersAfterMs, () => {
          const reached = states.filter((other) => !isBrowser || other !== state);
          for (const other of reached)
            void FakeMemento.prototype.update.call(other, key, isBrowser ? value : last);
        });
        await write(key, value);
      };
    }
    return states;
  }

  it('has an id that lies in globalState and is made once', async () => {
    const globalState = new FakeMemento();
    const profile = windowWith(globalState);
    assert.deepEqual(globalState.keys(), [], 'Nothing is made before it is asked for.');
    const finding = profile.find();
    await pass(1_500);
    const id = await finding;
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.deepEqual(globalState.keys(), ['storage.profile']);
    await pass(1_000);
    assert.equal(await windowWith(globalState).find(), id, 'Later windows do not wait.');
    assert.deepEqual(clock.pending, []);
  });

  it('has another name on another host, and another profile has one of its own', async () => {
    const [mine, theirs] = [new FakeMemento(), new FakeMemento()];
    const finding = [windowWith(mine), windowWith(mine, 'there'), windowWith(theirs)].map((p) => p.find());
    await pass(1_500);
    assert.equal(new Set(await Promise.all(finding)).size, 3);
  });

  for (const isBrowser of [false, true])
    for (const laterMs of [0, 50, 200, 350])
      it(`is agreed upon by windows that start within ${laterMs} ms of each other, ${
        isBrowser ? 'in a browser' : 'on a desktop'
      }`, async () => {
        for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
          const states = statesOf(3, isBrowser);
          const finding: Promise<string>[] = [];
          for (const [n, state] of states.entries()) {
            finding.push(windowWith(state, 'here', () => (order[n] ?? '').repeat(32)).find());
            await pass(laterMs);
          }
          await pass(4_000);
          const [id, ...others] = await Promise.all(finding);
          assert.deepEqual(others, [id, id], order);
          const later = states.map((state) => windowWith(state).find());
          assert.deepEqual(await Promise.all(later), [id, id, id], 'They find the same after a reload.');
        }
      });

  it('is a new one when globalState is lost, and so takes over nobody’s accounts', async () => {
    const globalState = new FakeMemento();
    const first = windowWith(globalState).find();
    await pass(1_500);
    await globalState.update('storage.profile', undefined);
    const second = windowWith(globalState).find();
    await pass(1_500);
    assert.notEqual(await second, await first);
  });

  it('does not follow what a damaged note says', async () => {
    const globalState = new FakeMemento();
    await globalState.update('storage.profile', { id: '../elsewhere', atMs: 0 });
    const finding = windowWith(globalState).find();
    await pass(1_500);
    assert.match(await finding, /^[0-9a-f]{32}$/);
    assert.doesNotMatch(globalState.text, /elsewhere/);
  });

  it('works for this window when globalState takes nothing', async () => {
    const globalState = new FakeMemento();
    globalState.failNext(1_000);
    const finding = windowWith(globalState).find();
    await pass(6_000);
    assert.match(await finding, /^[0-9a-f]{32}$/);
    assert.match(log.text, /is not noted/);
  });

  it('keeps no window from closing', async () => {
    const profile = windowWith(new FakeMemento());
    const finding = profile.find();
    await nextTurn();
    profile.dispose();
    await assert.rejects(finding, (error) => hasCode(error, 'storage_unusable'));
    assert.deepEqual(clock.pending, []);
  });

  it('has a name that says neither id, and stays what it is', () => {
    assert.equal(ownId('a'.repeat(32), 'b'.repeat(32)), 'fa452324607b949e940869e4e87f2a26');
  });
});
