import assert from 'node:assert/strict';
import { ProfileSecrets } from '../../../src/vault/secrets/profile-secrets.js';
import { FakeSecretStore } from '../../support/fake-secret-store.js';

describe('the secrets of one profile on one host', () => {
  const part = (all: FakeSecretStore, own: string) =>
    new ProfileSecrets(all, { find: () => Promise.resolve(own) });

  it('have a name that begins with the name of both, and are seen by nobody else', async () => {
    const all = new FakeSecretStore();
    const [mine, theirs] = [part(all, 'mine'), part(all, 'theirs')];
    await mine.store('a', 'one');
    await theirs.store('a', 'two');
    assert.deepEqual(
      [...all.values],
      [
        ['mine/a', 'one'],
        ['theirs/a', 'two'],
      ],
    );
    await theirs.delete('a');
    assert.deepEqual([await mine.get('a'), await theirs.get('a')], ['one', undefined]);
  });

  it('fail as the finding of that name does, and then ask the editor for nothing', async () => {
    const all = new FakeSecretStore();
    const lost = new ProfileSecrets(all, { find: () => Promise.reject(new Error('closed')) });
    await assert.rejects(lost.store('a', 'one'), /closed/);
    assert.deepEqual(all.asked, []);
  });
});
