import assert from 'node:assert/strict';
import { Counters } from '../../../src/core/counters.js';
import { BrokerError } from '../../../src/core/errors.js';
import { WatchedSecrets } from '../../../src/vault/secrets/watched-secrets.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeSecretStore } from '../../support/fake-secret-store.js';

describe('a watched secret store', () => {
  it('counts what fails, and knows since when nothing has worked', async () => {
    const [secrets, clock, counters] = [new FakeSecretStore(), new FakeClock(), new Counters()];
    const news: (number | undefined)[] = [];
    const watched = new WatchedSecrets({
      secrets,
      clock,
      counters,
      changed: () => news.push(watched.failingSinceMs),
    });
    const beganAtMs = clock.nowMs();
    await watched.store('a', 'one');
    secrets.failNext('store');
    secrets.failNext('get');
    await assert.rejects(watched.store('a', 'two'));
    clock.advance(60_000);
    await assert.rejects(watched.get('a'));
    assert.deepEqual([watched.failingSinceMs, counters.get('storage.failures')], [beganAtMs, 2]);
    assert.equal(await watched.get('a'), 'one');
    await watched.delete('a');
    assert.deepEqual(news, [beganAtMs, undefined]);
  });

  it('does not count that something waits for the user', async () => {
    const counters = new Counters();
    const locked = () => Promise.reject(new BrokerError('storage_locked', 'Locked.'));
    const secrets = { get: locked, store: locked, delete: locked };
    const changed = () => assert.fail('Nothing has changed.');
    const watched = new WatchedSecrets({ secrets, clock: new FakeClock(), counters, changed });
    await assert.rejects(watched.get('a'));
    assert.deepEqual([watched.failingSinceMs, counters.get('storage.failures')], [undefined, 0]);
  });
});
