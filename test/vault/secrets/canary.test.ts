import assert from 'node:assert/strict';
import type { SecretStore } from '../../../src/core/ports.js';
import { Canary } from '../../../src/vault/secrets/canary.js';
import { BrowserSecrets } from '../../support/browser-secrets.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeMemento } from '../../support/fake-memento.js';
import { FakeSecretStore } from '../../support/fake-secret-store.js';
import { RecordingLog } from '../../support/recording-log.js';

const credentials = ['credential:a', 'credential:b'];

describe('the canary', () => {
  let clock: FakeClock;
  let memento: FakeMemento;
  let secrets: FakeSecretStore;
  let sessions: number;

  beforeEach(() => {
    [clock, memento, secrets, sessions] = [new FakeClock(), new FakeMemento(), new FakeSecretStore(), 0];
  });

  const canaryIn = (session: string, store: SecretStore = secrets) =>
    new Canary({ secrets: store, memento, clock, log: new RecordingLog(), session });
  /** One life of a window: it looks, and stays open for so long. */
  const session = async ({ openMs = 61_000, name = `s-${++sessions}` } = {}) => {
    const canary = canaryIn(name);
    const finding = await canary.look(credentials);
    clock.advance(openMs);
    canary.dispose();
    await Promise.resolve();
    return finding;
  };

  it('says nothing at the first start, and afterwards that what was stored is there', async () => {
    assert.deepEqual([await session(), await session(), await session()], ['unknown', 'keeps', 'keeps']);
    assert.equal([...secrets.values].length, 1);
  });

  it('says that the storage forgets when everything is gone after a reload, for as long as it does', async () => {
    await session();
    secrets.values.clear();
    assert.equal(await session(), 'forgets');
    secrets.values.clear();
    assert.equal(await session(), 'forgets');
    assert.equal(await session(), 'keeps', 'It has been mended.');
  });

  it('has it told once, and again only when it kept something in between', async () => {
    await session();
    secrets.values.clear();
    const canary = canaryIn('x');
    await canary.look(credentials);
    assert.equal(canary.isTold, false);
    await canary.told();
    secrets.values.clear();
    const later = canaryIn('y');
    assert.equal(await later.look(credentials), 'forgets');
    assert.equal(later.isTold, true);
    assert.equal(await session(), 'keeps');
    assert.equal(canaryIn('z').isTold, false);
  });

  it('proves nothing in a window that was closed within its first minute', async () => {
    await session({ openMs: 59_000 });
    secrets.values.clear();
    assert.equal(await session({ openMs: 59_000 }), 'unknown');
    assert.deepEqual(memento.keys(), []);
  });

  it('proves nothing when the extensions alone are started anew', async () => {
    await session({ name: 'one' });
    assert.equal(await session({ name: 'one' }), 'unknown');
    secrets.values.clear();
    assert.equal(await session({ name: 'one' }), 'unknown');
  });

  it('does not cry wolf when a keyring was replaced, or a profile moved to another computer', async () => {
    await session();
    await session();
    secrets.values.clear();
    assert.equal(await session(), 'unknown');
    secrets.values.clear();
    assert.equal(await session(), 'forgets', 'It really does now.');
  });

  it('does not cry wolf when something else is there', async () => {
    await session();
    secrets.values.clear();
    secrets.values.set('credential:b', 'x');
    assert.equal(await session(), 'unknown');
  });

  it('does not cry wolf when a browser’s tab has written back the copy that it had', async () => {
    const browser = new BrowserSecrets();
    const [one, two] = [browser.window(), browser.window()];
    const canaries = [canaryIn('one', one), canaryIn('two', two)];
    for (const canary of canaries) assert.equal(await canary.look(credentials), 'unknown');
    await one.store('credential:a', 'x');
    clock.advance(61_000);
    await two.store('something', 'else');
    for (const canary of canaries) canary.dispose();
    assert.equal(browser.blob.has('credential:a'), false, 'The second tab has undone it.');
    assert.equal(await canaryIn('three', browser.window()).look(credentials), 'keeps');
  });

  it('is no credential: what globalState notes of it opens nothing', async () => {
    await session();
    assert.deepEqual(Object.keys(memento.get('storage.canary') as object).sort(), [
      'isProven',
      'isTold',
      'plantedAtMs',
      'session',
    ]);
  });
});
