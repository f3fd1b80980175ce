import assert from 'node:assert/strict';
import { grantBefore } from '../../../src/broker/sign-in/grant-before.js';
import { Issuers } from '../../../src/broker/state/issuers.js';
import { Counters } from '../../../src/core/counters.js';
import { keyOf, type LiveCredential } from '../../../src/core/credential.js';
import { hasCode } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeMemento } from '../../support/fake-memento.js';
import { FakeSecretStore } from '../../support/fake-secret-store.js';
import { MemoryJournal } from '../../support/memory-journal.js';
import { MemoryLeases } from '../../support/memory-leases.js';
import { RecordingLog } from '../../support/recording-log.js';

const issuer = 'https://as.example.com';
const tokens = { kind: 'alive', accessToken: new Secret('access-1'), issuedAtMs: 0 } as const;
const fresh: LiveCredential = {
  account: { issuer, subject: 'alice', label: 'alice@example.com' },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'entered' },
  resource: issuer,
  generation: 1,
  scopes: ['read'],
  tokens: { ...tokens, refreshToken: new Secret('refresh-1') },
};
const key = keyOf(fresh);

describe('what a finished sign-in takes the place of', () => {
  let clock: FakeClock;
  let secrets: FakeSecretStore;
  let vault: CredentialVault;

  beforeEach(async () => {
    [clock, secrets] = [new FakeClock(), new FakeSecretStore()];
    const closing = new AbortController().signal;
    vault = new CredentialVault({
      ...{ secrets, clock, closing, memento: new FakeMemento(), journal: new MemoryJournal() },
      ...{ leases: new MemoryLeases(clock).window(), counters: new Counters(), log: new RecordingLog() },
    });
    await vault.open();
  });

  /** Asks while the next `times` readings of the keyring fail. */
  async function ask(times: number, one = fresh) {
    const { signal } = new AbortController();
    const noRules = () => [];
    const issuers = new Issuers(fetch, clock, signal, noRules, () => false);
    secrets.failNext('get', times);
    const answer = grantBefore({ clock, vault, issuers }, key, one);
    for (const delayMs of [200, 1_000, 3_000].slice(0, times)) {
      await clock.armed(delayMs);
      clock.advance(delayMs);
    }
    return answer;
  }
  const isKept = (error: unknown) => hasCode(error, 'vault_write_failed');

  it('is read as soon as a keyring that is locked for a moment can be', async () => {
    await vault.put({ ...fresh, scopes: ['read', 'write'] });
    for (const times of [0, 1, 3]) assert.deepEqual((await ask(times))?.scopes, ['read', 'write']);
  });

  it('is nothing that anybody knows of, where it still cannot be read', async () => {
    assert.equal(await ask(4), undefined);
    await vault.put(fresh);
    assert.equal(await ask(4), undefined);
  });

  it('stays when it may allow more, or be all that can be renewed', async () => {
    await vault.put({ ...fresh, scopes: ['read', 'write'] });
    await assert.rejects(ask(4), isKept);
    await vault.put({ ...fresh, generation: 2 });
    await assert.rejects(ask(4, { ...fresh, tokens }), isKept);
  });
});
