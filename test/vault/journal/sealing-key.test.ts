import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import type { SecretStore } from '../../../src/core/ports.js';
import { newestKey, sealingKey, type SealingKey } from '../../../src/vault/journal/sealing-key.js';
import { BrowserSecrets } from '../../support/browser-secrets.js';
import { DesktopSecrets } from '../../support/desktop-secrets.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeSecretStore } from '../../support/fake-secret-store.js';
import { MemoryJournal } from '../../support/memory-journal.js';
import { MemoryLeases, type WindowLeases } from '../../support/memory-leases.js';
import { RecordingLog } from '../../support/recording-log.js';

const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('the sealing key', () => {
  let clock: FakeClock;
  let journal: MemoryJournal;
  let leases: MemoryLeases;
  let log: RecordingLog;
  let closing: AbortController;

  beforeEach(() => {
    [clock, journal, log] = [new FakeClock(), new MemoryJournal(), new RecordingLog()];
    [leases, closing] = [new MemoryLeases(clock), new AbortController()];
  });

  const find = (secrets: SecretStore, mine: WindowLeases = leases.window()) =>
    sealingKey({ secrets, journal, leases: mine, clock, log, closing: closing.signal });

  /** Moves the clock until all have found what they look for. */
  async function allOf(finding: readonly Promise<SealingKey | undefined>[]) {
    let isDone = false;
    const all = Promise.all(finding).finally(() => (isDone = true));
    // Ciphers work in threads of their own, which a busy computer lets wait: only the test's own limit ends this.
    for (;;) {
      await wait(1);
      if (isDone as boolean) break;
      clock.advance(50);
    }
    return all;
  }

  const fingerprints = (keys: readonly (SealingKey | undefined)[]) =>
    new Set(keys.map((key) => key?.fingerprint));

  it('seals for its own context and tells nothing of what it seals', async () => {
    const key = await find(new FakeSecretStore());
    const sealed = (await key?.seal('refresh-alice', 'context')) ?? '';
    assert.equal(await key?.unseal(sealed, 'context'), 'refresh-alice');
    assert.equal(await key?.unseal(sealed, 'another'), undefined);
    assert.equal(await key?.unseal(sealed.replace(/.{6}==?$|.{6}$/, 'AAAAAA'), 'context'), undefined);
    assert.equal(await key?.unseal('', 'context'), undefined);
    assert.equal(await key?.unseal('?', 'context'), undefined);
    assert.doesNotMatch(sealed + atob(sealed), /refresh-alice/);
    assert.notEqual(await key?.seal('refresh-alice', 'context'), sealed, 'The nonce is fresh each time.');
  });

  it('seals what is as large as an answer may be', async () => {
    const key = await find(new FakeSecretStore());
    const large = 'x'.repeat(2 ** 20);
    assert.equal(await key?.unseal(await key.seal(large, 'context'), 'context'), large);
  });

  it('is found again', async () => {
    const secrets = new FakeSecretStore();
    const key = await find(secrets);
    const sealed = (await key?.seal('text', 'c')) ?? '';
    const again = await find(secrets);
    assert.equal(again?.fingerprint, key?.fingerprint);
    assert.equal(await again?.unseal(sealed, 'c'), 'text');
  });

  it('stands nowhere but in SecretStorage', async () => {
    const secrets = new FakeSecretStore();
    const key = await find(secrets);
    const value = secrets.values.get('journal-key') ?? 'none';
    const texts = [...journal.texts.values()].join('\n');
    assert.ok(!texts.includes(value) && !log.text.includes(value));
    assert.match(texts, new RegExp(JSON.stringify(key?.fingerprint).replace(/[+/]/g, '.')));
    assert.ok(!value.includes(key?.fingerprint ?? ''));
  });

  it('is one for windows of a desktop that start at the same time', async () => {
    const desktop = new DesktopSecrets(clock);
    const waits: number[] = [];
    const after = clock.after.bind(clock);
    clock.after = (delayMs, run) => {
      waits.push(delayMs);
      return after(delayMs, run);
    };
    const keys = await allOf(Array.from({ length: 8 }, () => find(desktop.window())));
    assert.equal(fingerprints(keys).size, 1);
    assert.ok(keys[0] !== undefined);
    assert.deepEqual(waits, [100, 1_000], 'Only the one who makes it holds the others up.');
  });

  it('is one for tabs of a browser: those that cannot see it have none until they are reloaded', async () => {
    const browser = new BrowserSecrets();
    const tabs = Array.from({ length: 4 }, () => browser.window());
    const keys = await allOf(tabs.map((tab) => find(tab)));
    const made = keys.filter((key) => key !== undefined);
    assert.equal(made.length, 1);
    const reloaded = await find(browser.window());
    assert.equal(reloaded?.fingerprint, made[0]?.fingerprint);
  });

  it('is made anew when it is lost, once nobody can be about to show it', async () => {
    const before = await find(new FakeSecretStore());
    closing.abort();
    const secrets = new FakeSecretStore();
    assert.equal(await find(secrets), undefined, 'A window that has just made one may be there.');
    clock.advance(60_000);
    const after = await find(secrets);
    assert.ok(after !== undefined && after.fingerprint !== before?.fingerprint);
    assert.equal(await newestKey(journal), after.fingerprint);
  });

  it('is made anew also when the clock was set back by a year', async () => {
    await find(new FakeSecretStore());
    clock = new FakeClock(clock.nowMs() - 365 * 24 * 3_600_000);
    leases = new MemoryLeases(clock);
    assert.ok((await find(new FakeSecretStore())) !== undefined);
  });

  it('is made by the next window when the one that made it was killed before it was kept', async () => {
    const desktop = new DesktopSecrets(clock);
    const [dying, mine] = [desktop.window(), leases.window()];
    await find(dying, mine);
    dying.crash();
    mine.crash();
    assert.equal(desktop.durable.size, 0);
    clock.advance(60_000);
    assert.ok((await find(desktop.window())) !== undefined);
  });

  it('takes the place of a damaged one, whose text is not repeated', async () => {
    const secrets = new FakeSecretStore();
    for (const damaged of ['no base 64!', btoa('short'), '']) {
      journal.texts.clear();
      secrets.values.set('journal-key', damaged);
      assert.ok((await find(secrets)) !== undefined);
      closing.abort();
      assert.doesNotMatch(log.text, /no base|short/);
    }
    assert.equal(log.at('error').length, 6);
  });

  it('does not need the journal', async () => {
    journal.failNext('read');
    journal.failNext('write');
    assert.ok((await find(new FakeSecretStore())) !== undefined);
    assert.match(log.text, /journal cannot be written/);
  });

  it('says when SecretStorage takes nothing, and lets the next one try', async () => {
    const secrets = new FakeSecretStore();
    secrets.failNext('store');
    await assert.rejects(find(secrets), /locked/);
    assert.ok((await find(secrets)) !== undefined);
  });

  it('holds nobody up and leaves no timer when its window closes', async () => {
    await find(new FakeSecretStore());
    closing.abort();
    await soon();
    assert.deepEqual([clock.pending, leases.held], [[], []]);
  });
});
