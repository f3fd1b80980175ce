import assert from 'node:assert/strict';
import { Counters } from '../../src/core/counters.js';
import { keyOf, keyText, type LiveCredential } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import { namesSetAside } from '../../src/vault/records/quarantine.js';
import { keyOfEntry } from '../../src/vault/records/index-entry.js';
import { notedRegistrations } from '../../src/vault/records/registration-records.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeMemento } from '../support/fake-memento.js';
import { FakeSecretStore } from '../support/fake-secret-store.js';
import { MemoryJournal } from '../support/memory-journal.js';
import { MemoryLeases } from '../support/memory-leases.js';
import { RecordingLog } from '../support/recording-log.js';

const issuer = 'https://as.example.com';
const credentialOf = (subject: string): LiveCredential => ({
  account: { issuer, subject, label: `${subject}@example.com` },
  client: {
    issuer,
    clientId: 'c',
    clientSecret: new Secret('client-secret-1'),
    authMethod: 'client_secret_post',
    source: 'dynamic',
  },
  resource: 'https://mcp.example.com/mcp',
  generation: 1,
  scopes: ['a'],
  tokens: {
    kind: 'alive',
    accessToken: new Secret(`access-${subject}`),
    refreshToken: new Secret(`refresh-${subject}`),
    issuedAtMs: 0,
  },
});
const alice = credentialOf('alice');
const bob = credentialOf('bob');

describe('the vault', () => {
  const clock = new FakeClock();
  const closing = new AbortController().signal;
  let journal: MemoryJournal;
  let leases: MemoryLeases;
  let secrets: FakeSecretStore;
  let memento: FakeMemento;
  let log: RecordingLog;
  let vault: CredentialVault;
  let counters: Counters;

  beforeEach(() => {
    [secrets, memento, log] = [new FakeSecretStore(), new FakeMemento(), new RecordingLog()];
    counters = new Counters();
    [journal, leases] = [new MemoryJournal(), new MemoryLeases(clock)];
    vault = opened();
  });

  /** The vault as one more window has it. */
  const opened = () =>
    new CredentialVault({
      secrets,
      memento,
      journal,
      leases: leases.window(),
      clock,
      counters,
      log,
      closing,
    });

  const nameOf = (credential: LiveCredential) => `credential:${keyText(keyOf(credential))}`;

  it('gives back what was put, and knows of it without the secrets', async () => {
    await vault.put(alice);
    await vault.put(bob);
    const back = await vault.get(keyOf(alice));
    assert.ok(back?.tokens.kind === 'alive');
    assert.equal(back.tokens.refreshToken?.reveal(), 'refresh-alice');
    const { account, client, resource } = alice;
    const entry = { account, clientId: client.clientId, resource, scopes: ['a'] };
    assert.deepEqual(vault.list()[0], entry);
    assert.deepEqual(opened().list()[0], entry, 'The index has it too, before the journal is read.');
    assert.deepEqual(vault.list().map(keyOfEntry), [keyOf(alice), keyOf(bob)]);
  });

  it('lists the same array until something has changed', async () => {
    await vault.put(alice);
    const before = vault.list();
    assert.equal(vault.list(), before);
    await vault.put(bob);
    assert.equal(vault.list().length, 2);
    await vault.remove(alice);
    assert.deepEqual(
      vault.list().map(({ account }) => account.subject),
      ['bob'],
    );
    await opened().put({ ...bob, generation: 2, scopes: ['a', 'b'] });
    await vault.get(keyOf(bob));
    assert.deepEqual(vault.list()[0]?.scopes, ['a', 'b']);
  });

  it('writes the index when it has changed, and not at each renewal', async () => {
    await vault.put(alice);
    memento.failNext();
    await vault.put({ ...alice, generation: 2 });
    assert.deepEqual(log.at('warn'), []);
    await vault.put({ ...alice, generation: 3, scopes: [] });
    assert.equal(log.at('warn').length, 1);
  });

  it('writes no secret into globalState', async () => {
    await vault.put(alice);
    await vault.putClient(alice.client);
    assert.doesNotMatch(memento.text, /access-|refresh-|client-secret/);
  });

  it('forgets what is removed, and nothing else', async () => {
    await vault.put(alice);
    await vault.put(bob);
    await vault.remove(alice);
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.deepEqual(
      vault.list().map(({ account }) => account.subject),
      ['bob'],
    );
    assert.deepEqual([...secrets.values.keys()], ['journal-key', nameOf(bob)]);
  });

  it('keeps a sign-out from a keyring that is shut, of a credential that another window has renewed meanwhile', async () => {
    await vault.put(alice);
    await opened().put({ ...alice, generation: 4 });
    secrets.failNext('get');
    secrets.failNext('delete');
    await vault.remove(alice);
    assert.ok(secrets.values.has(nameOf(alice)));
    const later = opened();
    await later.open();
    assert.equal(await later.get(keyOf(alice)), undefined);
    assert.equal(await later.isRemoved(keyOf(alice)), true);
    assert.ok(!secrets.values.has(nameOf(alice)));
  });

  it('still knows the account when the keyring has dropped its secret', async () => {
    await vault.put(alice);
    secrets.values.clear();
    journal.texts.clear();
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.equal(vault.list().length, 1);
  });

  it('sets a damaged record aside, reports it without its text, and goes on with the others', async () => {
    await vault.put(alice);
    await vault.put(bob);
    journal.texts.clear();
    const damaged = '{"refreshToken":"refresh-alice"';
    secrets.values.set(nameOf(alice), damaged);
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.equal((await vault.get(keyOf(bob)))?.account.subject, 'bob');
    assert.equal(secrets.values.get(`damaged:${nameOf(alice)}`), damaged);
    assert.ok(!secrets.values.has(nameOf(alice)));
    assert.equal(log.at('error').length, 1);
    assert.doesNotMatch(log.text, /refresh-alice/);
    assert.deepEqual([counters.get('storage.quarantined'), namesSetAside(memento)], [1, [nameOf(alice)]]);
  });

  it('puts back what a later version can read, or somebody has mended', async () => {
    await vault.put(alice);
    await vault.putClient(alice.client);
    journal.texts.clear();
    const sound = secrets.values.get(nameOf(alice)) ?? '';
    secrets.values.set(nameOf(alice), '{"version":99}');
    secrets.values.set(`client:${issuer}`, '{');
    await vault.get(keyOf(alice));
    await vault.client(issuer);
    const next = opened();
    await next.restore();
    assert.equal(await next.get(keyOf(alice)), undefined);
    secrets.values.set(`damaged:${nameOf(alice)}`, sound);
    await next.restore();
    assert.equal((await next.get(keyOf(alice)))?.account.subject, 'alice');
    assert.deepEqual(namesSetAside(memento), [`client:${issuer}`]);
  });

  it('puts nothing back in the place of what is newer', async () => {
    await vault.put(alice);
    journal.texts.clear();
    const old = secrets.values.get(nameOf(alice)) ?? '';
    secrets.values.set(nameOf(alice), '{');
    await vault.get(keyOf(alice));
    await vault.put({ ...alice, generation: 2 });
    secrets.values.set(`damaged:${nameOf(alice)}`, old);
    await opened().restore();
    journal.texts.clear();
    assert.equal((await vault.get(keyOf(alice)))?.generation, 2);
    assert.deepEqual([namesSetAside(memento), secrets.values.has(`damaged:${nameOf(alice)}`)], [[], false]);
  });

  it('reports a damaged record also when it cannot be set aside, and leaves it where it is', async () => {
    await vault.open();
    secrets.values.set(nameOf(alice), '{');
    secrets.failNext('store');
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.ok(secrets.values.has(nameOf(alice)));
  });

  it('leaves alone what another window has stored in the place of a damaged record', async () => {
    await vault.put(alice);
    journal.texts.clear();
    const sound = secrets.values.get(nameOf(alice)) ?? '';
    secrets.values.set(nameOf(alice), '{');
    const release = secrets.hold('store');
    secrets.asked.length = 0;
    const reading = vault.get(keyOf(alice));
    while (secrets.asked.at(-1)?.[0] !== 'store') await new Promise((resolve) => setImmediate(resolve));
    secrets.values.set(nameOf(alice), sound);
    release();
    await reading;
    assert.equal(secrets.values.get(nameOf(alice)), sound);
  });

  it('does not take a record for what its name says', async () => {
    await vault.put(bob);
    journal.texts.clear();
    secrets.values.set(nameOf(alice), secrets.values.get(nameOf(bob)) ?? '');
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.match(log.text, /names another credential/);
  });

  it('is content when one of journal and keyring takes a credential, and says when neither does', async () => {
    await vault.open();
    clock.advance(1_000);
    secrets.failNext('store');
    await vault.put(alice);
    journal.failNext('write');
    const saved = vault.put({ ...alice, generation: 2 });
    // The editor needs a moment until it has really kept it.
    await clock.armed(1_000);
    clock.advance(1_000);
    await saved;
    assert.equal((await opened().get(keyOf(alice)))?.generation, 2);
    secrets.failNext('store');
    journal.failNext('write');
    const third = vault.put({ ...alice, generation: 3 });
    await assert.rejects(third, (error) => hasCode(error, 'vault_write_failed'));
  });

  it('gives what is granted anew a generation above what a keyring has that cannot be read at that moment', async () => {
    await vault.put({ ...alice, generation: 700 });
    journal.texts.clear();
    const later = opened();
    secrets.failNext('get', 1);
    const generation = await later.generations.next(keyOf(alice));
    await later.put({ ...alice, scopes: ['b'], generation });
    assert.deepEqual((await opened().get(keyOf(alice)))?.scopes, ['b']);
    assert.equal(await opened().generations.next(keyOf(alice)), generation + 1);
  });

  it('keeps our registration per issuer, and sets a damaged one aside', async () => {
    await vault.putClient(alice.client);
    assert.equal((await vault.client(issuer))?.clientSecret?.reveal(), 'client-secret-1');
    assert.equal(await vault.client(`${issuer}/`), undefined);
    secrets.values.set(`client:${issuer}`, '{}');
    assert.equal(await vault.client(issuer), undefined);
    await vault.putClient(alice.client);
    await vault.forgetClient({ ...alice.client, clientId: 'another' });
    assert.equal((await vault.client(issuer))?.clientId, alice.client.clientId);
    await vault.forgetClient(alice.client);
    assert.equal(await vault.client(issuer), undefined);
  });

  it('keeps the clients of the settings by their ids, beside the one that came about by itself', async () => {
    const configured = { ...alice.client, clientId: 'ours', source: 'configured' } as const;
    await vault.putClient(configured);
    assert.equal(await vault.client(issuer), undefined);
    assert.equal((await vault.client(issuer, 'ours'))?.clientSecret?.reveal(), 'client-secret-1');
    assert.equal(await vault.client(issuer, 'theirs'), undefined);
    await vault.forgetClient(configured);
    assert.equal(await vault.client(issuer, 'ours'), undefined);
  });

  it('forgets what was set aside of a credential that the user removes', async () => {
    await vault.put(alice);
    secrets.values.set(`damaged:${nameOf(alice)}`, 'damage');
    await memento.update(`set-aside:${nameOf(alice)}`, {});
    await memento.update(`damaged:${nameOf(alice)}`, ['alice@example.com']);
    await vault.remove(alice);
    const names = [...secrets.values.keys(), ...memento.keys()];
    assert.deepEqual(
      names.filter((name) => name.includes('alice')),
      [],
    );
  });

  it('knows where it has registrations, also when nobody is signed in', async () => {
    await vault.putClient(alice.client);
    assert.deepEqual(notedRegistrations(memento), [issuer]);
    await vault.forgetClient(alice.client);
    assert.deepEqual(notedRegistrations(memento), []);
  });
});
