import assert from 'node:assert/strict';
import { Counters } from '../../../src/core/counters.js';
import { keyOf, keyText, type Credential, type LiveCredential } from '../../../src/core/credential.js';
import { hasCode } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { BrowserSecrets } from '../../support/browser-secrets.js';
import { DesktopSecrets } from '../../support/desktop-secrets.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeMemento } from '../../support/fake-memento.js';
import { FakeSecretStore } from '../../support/fake-secret-store.js';
import { MemoryJournal } from '../../support/memory-journal.js';
import { MemoryLeases } from '../../support/memory-leases.js';
import { RecordingLog } from '../../support/recording-log.js';
import { sealedBefore } from '../../support/sealed-before.js';
import type { SecretStore } from '../../../src/core/ports.js';

const issuer = 'https://as.example.com';
const dayMs = 24 * 3_600_000;

const credentialOf = (subject: string, generation: number): LiveCredential => ({
  account: { issuer, subject, label: `${subject}@example.com` },
  client: {
    issuer,
    clientId: 'c',
    clientSecret: new Secret('client-secret'),
    authMethod: 'client_secret_post',
    source: 'dynamic',
  },
  resource: 'https://mcp.example.com/mcp',
  generation,
  scopes: [],
  tokens: {
    kind: 'alive',
    accessToken: new Secret(`access-${subject}-${generation}`),
    refreshToken: new Secret(`refresh-${subject}-${generation}`),
    issuedAtMs: 0,
  },
});
const alice = (generation: number) => credentialOf('alice', generation);
const aliceSince = (signedInAtMs: number, generation: number): LiveCredential => {
  const { tokens, ...rest } = alice(generation);
  return { ...rest, tokens: { ...tokens, signedInAtMs } };
};
const aliceRefused = (generation: number, since: { readonly signedInAtMs?: number } = {}): Credential => ({
  ...alice(generation),
  tokens: { kind: 'refused', reason: 'revoked', refusedAtMs: 1, ...since },
});
const key = keyOf(alice(1));
const soon = () => new Promise((resolve) => setImmediate(resolve));
const secretName = `credential:${keyText(key)}`;

describe('the journal beside SecretStorage', () => {
  let clock: FakeClock;
  let secrets: FakeSecretStore;
  let journal: MemoryJournal;
  let leases: MemoryLeases;
  let memento: FakeMemento;
  let log: RecordingLog;
  let vault: CredentialVault;

  beforeEach(() => {
    [clock, secrets, journal] = [new FakeClock(), sealedBefore(new FakeSecretStore()), new MemoryJournal()];
    [leases, memento, log] = [new MemoryLeases(clock), new FakeMemento(), new RecordingLog()];
    vault = opened();
  });

  /** The vault as one more window has it. */
  function opened(mine: SecretStore = secrets, closing = AbortSignal.abort()): CredentialVault {
    return new CredentialVault({
      secrets: mine,
      memento,
      journal,
      leases: leases.window(),
      clock,
      counters: new Counters(),
      log,
      closing,
    });
  }

  const entry = () => {
    const [name = '', text = ''] = [...journal.texts].find(([name]) => /^[0-9a-f]{32}$/.test(name)) ?? [];
    return { name, text, value: JSON.parse(text || '{}') as Record<string, unknown> };
  };
  const rewrite = (change: object) =>
    journal.texts.set(entry().name, JSON.stringify({ ...entry().value, ...change }));
  const generation = async (mine = vault) => (await mine.get(key))?.generation;
  const refreshToken = (credential: Credential | undefined) =>
    credential?.tokens.kind === 'alive' ? credential.tokens.refreshToken?.reveal() : undefined;

  describe('has the newer of both', () => {
    it('when SecretStorage is behind, as it is for a moment on a desktop', async () => {
      await vault.put(alice(1));
      const behind = secrets.values.get(secretName) ?? '';
      await vault.put(alice(2));
      secrets.values.set(secretName, behind);
      assert.equal(refreshToken(await opened().get(key)), 'refresh-alice-2');
    });

    it('when the journal is behind, as it is after it took nothing', async () => {
      await vault.put(alice(1));
      const behind = entry();
      await vault.put(alice(2));
      journal.texts.set(behind.name, behind.text);
      assert.equal(refreshToken(await opened().get(key)), 'refresh-alice-2');
    });

    it('when one of them has nothing', async () => {
      await vault.put(alice(3));
      const { name, text } = entry();
      journal.texts.delete(name);
      assert.equal(await generation(opened()), 3);
      journal.texts.set(name, text);
      secrets.values.delete(secretName);
      assert.equal(await generation(opened()), 3);
    });
  });

  it('is seen by another window before SecretStorage is, and survives that its writer is killed', async () => {
    const desktop = new DesktopSecrets(clock);
    desktop.durable.set('journal-key', btoa('0123456789abcdef'.repeat(2)));
    const [dying, other] = [desktop.window(), desktop.window()];
    await opened(dying).put(alice(1));
    dying.crash();
    clock.advance(1_000);
    assert.equal(desktop.durable.has(secretName), false, 'What was stored is gone with its window.');
    assert.equal(await generation(opened(other)), 1);
  });

  describe('never goes back', () => {
    it('a generation, though a window that was late saves an older one', async () => {
      await vault.put(alice(3));
      await opened().put(alice(2));
      assert.equal(refreshToken(await opened().get(key)), 'refresh-alice-3');
      assert.match(log.text, /not saved/);
    });

    it('behind a removal', async () => {
      await vault.put(alice(3));
      await vault.remove(alice(3));
      await opened().put(alice(3));
      assert.equal(await opened().get(key), undefined);
      assert.ok(!secrets.values.has(secretName));
    });

    it('because of a number that somebody has forged', async () => {
      await vault.put(alice(1));
      rewrite({ generation: 99 });
      await vault.put(alice(2));
      assert.equal(await generation(opened()), 2);
    });
  });

  it('holds no token and no client secret in the clear', async () => {
    await vault.put(alice(1));
    assert.doesNotMatch([...journal.texts.values()].join(), /access-|refresh-|client-secret/);
    assert.match(entry().text, /alice@example\.com/);
  });

  it('knows of the accounts of other windows', async () => {
    const other = opened();
    await other.open();
    await vault.put(alice(1));
    const mine = new CredentialVault({
      secrets,
      memento: new FakeMemento(),
      journal,
      leases: leases.window(),
      clock,
      counters: new Counters(),
      log,
      closing: AbortSignal.abort(),
    });
    assert.deepEqual(mine.list(), []);
    await mine.open();
    assert.deepEqual(
      mine.list().map(({ account }) => account.subject),
      ['alice'],
    );
  });

  it('tells of changes, whoever makes them', async () => {
    const told: string[] = [];
    const watching = vault.watch(({ subject }) => told.push(subject));
    await opened().put(alice(1));
    await opened().remove(alice(1));
    await new Promise((resolve) => setImmediate(resolve));
    watching.dispose();
    await opened().put(alice(2));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told, ['alice', 'alice']);
    assert.equal(journal.watchers, 0);
  });

  describe('keeps a removal', () => {
    it('against what SecretStorage still has', async () => {
      await vault.put(alice(4));
      const stored = secrets.values.get(secretName) ?? '';
      await vault.remove(alice(4));
      secrets.values.set(secretName, stored);
      for (const window of [vault, opened()]) {
        await window.open();
        assert.equal(await window.get(key), undefined);
        assert.equal(await window.isRemoved(key), true);
        assert.deepEqual(window.list(), []);
      }
    });

    it('of what is newer than the window that removes it knows', async () => {
      await opened().put(alice(4));
      const stored = secrets.values.get(secretName) ?? '';
      await vault.remove(alice(2));
      secrets.values.set(secretName, stored);
      assert.equal(await opened().get(key), undefined);
    });

    it('until there is a newer sign-in, which counts on', async () => {
      await vault.put(alice(4));
      await vault.remove(alice(4));
      assert.equal(await opened().generations.newest(key), 4);
      await vault.put(alice(5));
      const other = opened();
      assert.equal(await generation(other), 5);
      assert.equal(await other.isRemoved(key), false);
      assert.equal(other.list().length, 1);
    });

    it('from what was renewed meanwhile, and not from a later sign-in', async () => {
      await vault.put(alice(1));
      await opened().remove(alice(1));
      assert.equal(await vault.put(alice(2), 1), 'overtaken');
      assert.equal(await vault.get(key), undefined);
      assert.equal(await vault.put(alice(2)), 'saved');
    });

    it('for three months, in which every window hears of it', async () => {
      await vault.put(alice(1));
      await vault.remove(alice(1));
      clock.sleep(89 * dayMs);
      await opened().open();
      assert.equal(journal.texts.size, 1);
      clock.sleep(2 * dayMs);
      await opened().open();
      assert.equal(journal.texts.size, 0);
    });

    it('though the keyring does not let go of it, until it does', async () => {
      vault = opened(secrets, new AbortController().signal);
      await vault.put(alice(1));
      secrets.failNext('delete');
      await vault.remove(alice(1));
      assert.ok(secrets.values.has(secretName));
      clock.advance(200);
      while (secrets.values.has(secretName)) await soon();
      assert.doesNotMatch(memento.text, /credential:/);
    });

    it('though the keyring does not let go of it, for longer than the removal is told', async () => {
      await vault.put(alice(1));
      secrets.failNext('delete');
      await vault.remove(alice(1));
      await opened().open();
      assert.ok(!secrets.values.has(secretName));
      assert.doesNotMatch(memento.text, /credential:/);
    });

    describe('that the journal does not take', () => {
      let other: CredentialVault;
      const isTold = async () => (await other.get(key)) === undefined;

      beforeEach(async () => {
        vault = opened(secrets, new AbortController().signal);
        other = opened();
        await other.open();
        await vault.put(alice(1));
        journal.failNext('write', 2);
        await vault.remove(alice(1));
      });

      it('in its own window and in SecretStorage at once', async () => {
        assert.ok(!secrets.values.has(secretName));
        assert.match(log.text, /cannot be told of a removal yet/);
        assert.equal(await vault.get(key), undefined);
        assert.equal(await vault.isRemoved(key), true);
        assert.deepEqual(vault.list(), []);
        assert.equal(await vault.generations.newest(key), 1);
        await vault.put(alice(1));
        assert.equal(await vault.get(key), undefined);
      });

      it('until it does, and then in every window', async () => {
        assert.equal(await isTold(), false);
        clock.advance(200);
        await clock.armed(1_000);
        assert.equal(await isTold(), false);
        clock.advance(1_000);
        while (!(await isTold())) await soon();
        assert.deepEqual(clock.pending, []);
        assert.doesNotMatch(memento.text, /removal:/);
      });

      it('against a window that could not know and has renewed meanwhile', async () => {
        journal.failNext('write', -1);
        await other.put(alice(2));
        assert.equal(await vault.get(key), undefined);
        clock.advance(200);
        while (!(await isTold())) await soon();
        assert.equal(await other.generations.newest(key), 2);
        while (secrets.values.has(secretName)) await soon();
      });

      it('but not against a sign-in in another window since', async () => {
        journal.failNext('write', -1);
        await other.put(aliceSince(1, 2));
        clock.advance(200);
        while (/removal:/.test(memento.text)) await soon();
        assert.equal(await generation(other), 2);
        assert.equal(await generation(vault), 2);
        assert.deepEqual(clock.pending, []);
      });

      it('until the next start', async () => {
        journal.failNext('write', -1);
        assert.match(memento.text, /removal:/);
        assert.doesNotMatch(memento.text, /access-|refresh-/);
        const later = opened(secrets, new AbortController().signal);
        await later.open();
        assert.equal(await later.isRemoved(key), true);
        clock.advance(200);
        while (!(await isTold()) || /removal:/.test(memento.text)) await soon();
      });

      it('until the next start, which is not by whoever holds the lease that it waits for', async () => {
        journal.failNext('write', -1);
        const later = opened(secrets, new AbortController().signal);
        await leases.window().hold(keyText(key), async () => {
          assert.equal(await later.get(key), undefined);
          clock.advance(200);
          await soon();
          assert.equal(await isTold(), false);
        });
        while (!(await isTold())) await soon();
      });

      it('unless somebody has signed in again in this window', async () => {
        journal.failNext('write', -1);
        await vault.put(alice(2));
        assert.equal(await generation(opened()), 2);
        assert.deepEqual(clock.pending, []);
        assert.doesNotMatch(memento.text, /removal:/);
      });

      it('though somebody has signed in again since and nothing could keep that', async () => {
        secrets.failNext('store');
        await assert.rejects(vault.put(alice(2)), { code: 'vault_write_failed' });
        assert.equal(await vault.isRemoved(key), true);
        assert.match(memento.text, /removal:/);
        clock.advance(200);
        while (!(await isTold())) await soon();
        assert.doesNotMatch(memento.text, /removal:/);
      });

      it('unless somebody has signed in again, which SecretStorage alone has taken', async () => {
        const saving = vault.put(alice(2));
        await clock.armed(1_000);
        clock.advance(1_000);
        await saving;
        assert.equal(await vault.isRemoved(key), false);
        assert.equal(vault.list().length, 1);
        clock.advance(200);
        while ((await generation(other)) !== 2) await soon();
        assert.doesNotMatch(memento.text, /removal:/);
      });

      it('unless somebody has signed in again by the next start', async () => {
        journal.failNext('write', -1);
        await other.put(aliceSince(1, 2));
        const later = opened();
        await later.open();
        assert.equal(await generation(later), 2);
        assert.doesNotMatch(memento.text, /removal:/);
      });
    });

    describe('that the journal did not take before its window was closed', () => {
      let other: CredentialVault;
      const later = () => opened(secrets, new AbortController().signal);
      const removeUntold = async (credential: Credential) => {
        journal.failNext('write');
        await vault.remove(credential);
      };
      const takenBySecretsAlone = async (...saved: Parameters<CredentialVault['put']>) => {
        journal.failNext('write');
        const saving = other.put(...saved);
        await clock.armed(1_000);
        clock.advance(1_000);
        await saving;
      };
      const untilTold = async () => {
        clock.advance(200);
        while (/removal:/.test(memento.text)) await soon();
      };

      beforeEach(async () => {
        other = opened();
        await other.open();
        await vault.put(aliceSince(5, 1));
      });

      it('from a renewal by a window that could not know', async () => {
        await removeUntold(aliceSince(5, 1));
        assert.equal(await other.put(aliceSince(5, 2), 1), 'saved');
        const next = later();
        assert.equal(await next.get(key), undefined);
        assert.deepEqual(next.list(), []);
        await untilTold();
        assert.equal(await other.get(key), undefined);
        assert.equal(await opened().get(key), undefined);
        while (secrets.values.has(secretName)) await soon();
      });

      it('from a renewal that SecretStorage alone has taken', async () => {
        await removeUntold(aliceSince(5, 1));
        await takenBySecretsAlone(aliceSince(5, 2), 1);
        const next = later();
        await next.open();
        await untilTold();
        while (secrets.values.has(secretName)) await soon();
        for (const window of [next, other, opened()]) assert.equal(await window.get(key), undefined);
      });

      it('but not from a sign-in of a generation that was renewed and removed, which that window could not know', async () => {
        await removeUntold(aliceSince(5, 2));
        assert.equal(await other.put(aliceSince(6, 2)), 'saved');
        for (const next of [later(), opened()]) assert.equal(await generation(next), 2);
        await untilTold();
        assert.equal(await generation(other), 2);
      });

      it('but not from a sign-in that SecretStorage alone has taken', async () => {
        await removeUntold(aliceSince(5, 1));
        await takenBySecretsAlone(aliceSince(6, 2));
        const next = later();
        await next.open();
        await untilTold();
        while (next.list().length === 0) await soon();
        assert.equal(await generation(next), 2);
      });

      it('but not while nobody can read what has been written since', async () => {
        await removeUntold(aliceSince(5, 1));
        const next = later();
        await next.open();
        await other.put(aliceSince(6, 2));
        journal.failNext('read');
        clock.advance(200);
        await clock.armed(1_000);
        assert.match(memento.text, /removal:/);
        clock.advance(1_000);
        while (/removal:/.test(memento.text)) await soon();
        assert.equal(await generation(next), 2);
      });
    });

    for (const since of [{ signedInAtMs: 5 }, {}])
      it(`of what was refused, though the journal took neither (${'signedInAtMs' in since ? 'dated' : 'by an earlier version'})`, async () => {
        vault = opened(secrets, new AbortController().signal);
        await vault.put(aliceSince(5, 1));
        journal.failNext('write');
        await vault.remove(aliceRefused(2, since));
        clock.advance(200);
        while (/removal:/.test(memento.text)) await soon();
        assert.equal(await vault.isRemoved(key), true);
        assert.equal(await opened().get(key), undefined);
      });

    it('of what was refused, and not from a sign-in in another window since', async () => {
      vault = opened(secrets, new AbortController().signal);
      await vault.put(aliceSince(5, 1));
      const other = opened(sealedBefore(new FakeSecretStore()));
      await other.open();
      journal.failNext('write');
      await vault.remove(aliceRefused(2));
      await other.put(aliceSince(clock.nowMs() + 1, 2));
      clock.advance(200);
      while (/removal:/.test(memento.text)) await soon();
      assert.equal(await generation(other), 2);
      assert.equal(await generation(), 2);
    });
  });

  describe('when it takes nothing', () => {
    it('is told again, so that windows which do not see this SecretStorage learn of it', async () => {
      vault = opened(secrets, new AbortController().signal);
      const tab = opened(sealedBefore(new FakeSecretStore()));
      await vault.put(alice(1));
      journal.failNext('write');
      const saving = vault.put(alice(2));
      await clock.armed(1_000);
      clock.advance(1_000);
      await saving;
      assert.equal(await generation(tab), 1);
      clock.advance(200);
      while ((await generation(tab)) !== 2) await soon();
      assert.deepEqual(clock.pending, []);
    });

    describe('hides no sign-in that came after a sign-out', () => {
      beforeEach(async () => {
        await vault.remove(alice(1));
        journal.failNext('write');
        const saving = vault.put(alice(2));
        await clock.armed(1_000);
        clock.advance(1_000);
        await saving;
      });
      const listed = (mine: CredentialVault) => mine.list().map(({ account }) => account.subject);

      it('in its own window, until the user signs out again', async () => {
        assert.deepEqual([listed(vault), await generation()], [['alice'], 2]);
        await vault.remove(alice(2));
        assert.deepEqual(listed(vault), []);
      });

      it('or another window does', async () => {
        await opened().remove(alice(2));
        await vault.look();
        assert.deepEqual(listed(vault), []);
      });

      it('from a later window, which tells the others', async () => {
        const later = opened(secrets, new AbortController().signal);
        await later.open();
        assert.deepEqual(listed(later), ['alice']);
        clock.advance(200);
        const tab = opened(sealedBefore(new FakeSecretStore()));
        while ((await generation(tab)) !== 2) await soon();
        assert.deepEqual(clock.pending, []);
      });
    });

    it('is left alone by what is older than SecretStorage, and the other way round', async () => {
      await vault.put(alice(1));
      journal.failNext('write');
      const saving = vault.put(alice(3));
      await clock.armed(1_000);
      clock.advance(1_000);
      await saving;
      await opened().put(alice(2));
      assert.equal(await generation(opened()), 3);
    });
  });

  it('is not alone for long with what SecretStorage did not take', async () => {
    vault = opened(secrets, new AbortController().signal);
    await vault.put(alice(1));
    secrets.failNext('store');
    await vault.put(alice(2));
    assert.match(secrets.values.get(secretName) ?? '', /refresh-alice-1/);
    clock.advance(200);
    while (!/refresh-alice-2/.test(secrets.values.get(secretName) ?? '')) await soon();
    journal.texts.clear();
    assert.equal(await generation(opened()), 2);
    assert.deepEqual(clock.pending, []);
  });

  describe('when it cannot be read', () => {
    it('is not taken for empty: what it had may be newer than SecretStorage', async () => {
      await vault.put(alice(1));
      const behind = secrets.values.get(secretName) ?? '';
      await vault.put(alice(2));
      secrets.values.set(secretName, behind);
      journal.failNext('read', 3);
      await assert.rejects(vault.get(key), (error) => hasCode(error, 'record_elsewhere'));
      assert.equal(await vault.isRemoved(key), false);
      assert.equal(await vault.generations.next(key), 3);
      assert.equal(await generation(), 2);
    });

    it('is done without, when SecretStorage has what was there last', async () => {
      await vault.put(alice(2));
      journal.failNext('read');
      assert.equal(refreshToken(await vault.get(key)), 'refresh-alice-2');
    });

    it('is not done without where a refresh token is to be spent, since another window may have spent it', async () => {
      await vault.put(alice(2));
      journal.failNext('read');
      await assert.rejects(vault.get(key, 'certain'), (error) => hasCode(error, 'vault_write_failed'));
      assert.equal((await vault.get(key, 'certain'))?.generation, 2);
    });

    it('is not taken for useless when it takes nothing either, since another window has just written it', async () => {
      await vault.put(alice(1));
      const behind = secrets.values.get(secretName) ?? '';
      const other = opened();
      await other.open();
      await vault.put(alice(2));
      secrets.values.set(secretName, behind);
      journal.failNext('read');
      journal.failNext('write');
      await assert.rejects(other.get(key, 'certain'), (error) => hasCode(error, 'vault_write_failed'));
      assert.equal((await other.get(key, 'certain'))?.generation, 2);
    });

    it('is done without there once it has been broken for half a minute: SecretStorage has what was written before', async () => {
      await vault.put(alice(1));
      for (const operation of ['read', 'write'] as const) journal.failNext(operation, 3);
      for (const advanceMs of [0, 29_999]) {
        clock.advance(advanceMs);
        await assert.rejects(vault.get(key, 'certain'), (error) => hasCode(error, 'vault_write_failed'));
      }
      clock.advance(1);
      assert.equal((await vault.get(key, 'certain'))?.generation, 1);
    });

    it('says what is newest only while somebody can: itself, or the keyring where it is broken for good', async () => {
      await vault.put(alice(2));
      secrets.failNext('get');
      assert.equal(await vault.generations.newest(key), 2);
      journal.failNext('read');
      await assert.rejects(vault.generations.newest(key), (error) => hasCode(error, 'vault_write_failed'));
      const other = opened();
      await other.open();
      for (const operation of ['read', 'write'] as const) journal.failNext(operation, -1);
      const look = () => other.generations.newest(key);
      await assert.rejects(look, (error) => hasCode(error, 'vault_write_failed'));
      clock.advance(30_000);
      secrets.failNext('get');
      await assert.rejects(look, (error) => hasCode(error, 'vault_write_failed'));
      assert.equal(await look(), 2);
    });

    it('counts the half minute anew when it has worked in between', async () => {
      await vault.put(alice(1));
      for (const advanceMs of [0, 40_000]) {
        clock.advance(advanceMs);
        for (const operation of ['read', 'write'] as const) journal.failNext(operation);
        await assert.rejects(vault.get(key, 'certain'), (error) => hasCode(error, 'vault_write_failed'));
        assert.equal((await vault.get(key, 'certain'))?.generation, 1);
      }
    });

    it('says nothing of the time in which nobody looked: two failures an hour apart are two troubles', async () => {
      await vault.put(alice(1));
      for (const operation of ['read', 'write'] as const) journal.failNext(operation, 3);
      for (const byMs of [0, 3_600_000, -7_200_000]) {
        clock.sleep(byMs);
        await assert.rejects(vault.get(key, 'certain'), (error) => hasCode(error, 'vault_write_failed'));
      }
    });

    it('is done without there, too, where it has never worked: it is of no use to anybody', async () => {
      await vault.put(alice(2));
      for (const operation of ['names', 'read', 'write'] as const) journal.failNext(operation, 20);
      assert.equal((await opened().get(key, 'certain'))?.generation, 2);
    });

    it('has the renewal wait in memory, which might bring back what was removed', async () => {
      await vault.put(alice(1));
      await opened().remove(alice(1));
      journal.failNext('read');
      await assert.rejects(vault.put(alice(2), 1), (error) => hasCode(error, 'vault_write_failed'));
      assert.ok(!secrets.values.has(secretName));
      assert.equal(await vault.put(alice(2), 1), 'overtaken');
      assert.equal(await opened().get(key), undefined);
    });

    it('still keeps a removal that was seen', async () => {
      await vault.put(alice(2));
      await vault.remove(alice(2));
      journal.failNext('read', 3);
      assert.equal(await vault.isRemoved(key), true);
      assert.equal(await vault.get(key), undefined);
    });

    it('is not written, since nobody knows what it has', async () => {
      await vault.put(alice(1));
      await opened().put(alice(3));
      journal.failNext('read');
      const saving = vault.put(alice(2));
      await clock.armed(1_000);
      clock.advance(1_000);
      await saving;
      assert.equal(await generation(opened()), 3);
    });
  });

  it('keeps another record of the same generation, but no refusal in the place of a grant', async () => {
    const another: LiveCredential = {
      ...alice(2),
      tokens: { ...alice(2).tokens, refreshToken: new Secret('refresh-of-another-window') },
    };
    await vault.put(alice(2));
    await opened().put(another);
    assert.equal(refreshToken(await vault.get(key)), 'refresh-of-another-window');
    await vault.put({ ...alice(2), tokens: { kind: 'refused', reason: 'revoked', refusedAtMs: 1 } });
    assert.equal(refreshToken(await opened().get(key)), 'refresh-of-another-window');
  });

  describe('with a record that another key has sealed', () => {
    /** As a tab of a browser, which sees neither the key nor the secrets of the others. */
    const tab = () => opened(new BrowserSecrets().window());

    it('says that the newer one is elsewhere, and never takes the older one for it', async () => {
      await vault.put(alice(2));
      journal.texts.set('sealing-key', JSON.stringify({ fingerprint: 'other', madeAtMs: clock.nowMs() }));
      const other = tab();
      await assert.rejects(other.get(key), (error) => hasCode(error, 'record_elsewhere'));
      assert.equal(await other.generations.newest(key), 2);
      assert.equal(await other.isRemoved(key), false);
    });

    it('takes what it has itself, when that is as new', async () => {
      await vault.put(alice(2));
      rewrite({ content: { kind: 'sealed', key: 'another', data: 'AAAA' } });
      journal.texts.set('sealing-key', JSON.stringify({ fingerprint: 'another', madeAtMs: 0 }));
      assert.equal(refreshToken(await vault.get(key)), 'refresh-alice-2');
    });

    it('that was lost goes on with what SecretStorage has, and counts on', async () => {
      await vault.put(alice(3));
      secrets.values.clear();
      clock.advance(60_000);
      const later = opened();
      assert.equal(await later.get(key), undefined, 'Not elsewhere: it is nowhere.');
      assert.equal(await later.generations.newest(key), 3);
      await later.put(alice(4));
      assert.equal(await generation(opened()), 4);
    });

    it('saves in SecretStorage what the journal cannot take from it', async () => {
      journal.texts.set('sealing-key', JSON.stringify({ fingerprint: 'other', madeAtMs: clock.nowMs() }));
      const browser = new BrowserSecrets();
      const other = opened(browser.window());
      const saving = other.put(alice(1));
      await clock.armed(1_000);
      clock.advance(1_000);
      await saving;
      assert.equal(await generation(other), 1);
      assert.ok(browser.blob.has(secretName));
    });

    it('is waited for when it was sealed by a newer version of us', async () => {
      await vault.put(alice(1));
      await vault.put({ ...alice(2), tokens: { kind: 'leased' } } as unknown as Credential);
      secrets.values.delete(secretName);
      await assert.rejects(opened().get(key), (error) => hasCode(error, 'record_elsewhere'));
    });
  });

  it('is waited for when its form is that of a newer version of us, and is not overwritten', async () => {
    await vault.put(alice(1));
    rewrite({ version: 2, generation: 3, content: 'of another kind' });
    const { text } = entry();
    const other = opened();
    await assert.rejects(other.get(key), (error) => hasCode(error, 'record_elsewhere'));
    assert.equal(await other.put(alice(2), 1), 'overtaken');
    assert.equal(entry().text, text);
    assert.equal(await other.put(alice(4)), 'saved', 'A sign-in comes after it.');
  });

  describe('does not believe', () => {
    const tampered: Record<string, () => void> = {
      'other data': () =>
        rewrite({ content: { ...(entry().value['content'] as object), data: btoa('x'.repeat(60)) } }),
      'a higher generation': () => rewrite({ generation: 9 }),
      'another label': () =>
        rewrite({ account: { ...(entry().value['account'] as object), label: 'mallory@example.com' } }),
      'another client': () => rewrite({ clientId: 'd' }),
      'another resource': () => rewrite({ resource: 'https://evil.example.com/mcp' }),
      'no JSON': () => journal.texts.set(entry().name, '{'),
      'another version': () => rewrite({ version: 0 }),
      'a member nobody knows': () => rewrite({ token: 'x' }),
    };
    for (const [what, tamper] of Object.entries(tampered)) {
      it(`an entry with ${what}, and takes what SecretStorage has`, async () => {
        await vault.put(alice(2));
        tamper();
        const other = opened();
        assert.equal(refreshToken(await other.get(key)), 'refresh-alice-2');
        assert.match(log.text, /journal/i);
        assert.doesNotMatch(log.text, /refresh-|access-/);
        secrets.values.delete(secretName);
        assert.equal(await opened().get(key), undefined);
      });
    }

    it('the record of somebody else under our name', async () => {
      await vault.put(credentialOf('bob', 7));
      const bob = entry();
      journal.texts.clear();
      await vault.put(alice(1));
      journal.texts.set(entry().name, bob.text);
      const other = opened();
      assert.equal(refreshToken(await other.get(key)), 'refresh-alice-1');
      assert.equal(await other.generations.newest(key), 1);
    });

    it('the removal of somebody else under our name', async () => {
      await vault.put(credentialOf('bob', 7));
      await vault.remove(credentialOf('bob', 7));
      const bob = entry();
      journal.texts.clear();
      await vault.put(alice(1));
      journal.texts.set(entry().name, bob.text);
      assert.equal(await opened().isRemoved(key), false);
    });
  });

  it('is not needed: what cannot be read takes nothing along', async () => {
    await vault.put(alice(1));
    journal.failNext('names');
    journal.failNext('read', 2);
    assert.equal(await generation(opened()), 1);
    assert.match(log.text, /journal/i);
  });

  it('is opened by the next one who asks, when the keyring was locked', async () => {
    const locked = opened();
    secrets.failNext('get');
    await assert.rejects(locked.get(key), (error) => hasCode(error, 'vault_write_failed'));
    await vault.put(alice(1));
    assert.equal(await generation(locked), 1);
  });
});
