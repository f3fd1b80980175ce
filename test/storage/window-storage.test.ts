import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Counters } from '../../src/core/counters.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { JournalFiles } from '../../src/node/journal-files.js';
import { LeaseFiles } from '../../src/node/lease-file.js';
import { WindowStorage, type StorageSettings } from '../../src/storage/window-storage.js';
import { MemoryLedger } from '../../src/vault/ledgers/memory-ledger.js';
import { cheap } from '../support/encrypted.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeMemento } from '../support/fake-memento.js';
import { FakeSecretStore } from '../support/fake-secret-store.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { sealedBefore } from '../support/sealed-before.js';

const sesame = 'open sesame, please';

/** A stored credential: its name, its record, and what the index says about it. */
const account = { issuer: 'https://login.example.com', subject: 'alice', label: 'alice' };
const resource = 'https://mcp.example.com';
const name = `credential:${JSON.stringify([account.issuer, 'c', account.subject, resource])}`;
const record = JSON.stringify({
  version: 1,
  account,
  client: { issuer: account.issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  resource,
  generation: 1,
  scopes: [],
  tokens: { kind: 'alive', accessToken: 'access', refreshToken: 'refresh', issuedAtMs: 0 },
});
const indexed = { account, clientId: 'c', resource };

const isLocked = (error: unknown) => hasCode(error, 'storage_locked');

describe('the storage of a window', () => {
  let globalFolder: string;
  let secrets: FakeSecretStore;
  let memento: FakeMemento;
  let log: RecordingLog;
  let windows: WindowStorage[];
  let counters: Counters;

  beforeEach(() => {
    globalFolder = scratchFolder();
    [secrets, memento, log] = [sealedBefore(new FakeSecretStore()), new FakeMemento(), new RecordingLog()];
    windows = [];
    counters = new Counters();
  });
  afterEach(() => {
    for (const window of windows) window.dispose();
  });

  const open = (settings: Partial<StorageSettings> = {}, passphrase?: string, profile = 'ours') => {
    const window = new WindowStorage({
      settings: { backend: 'secretStorage', directory: '', keyFile: '', ...settings },
      secrets,
      memento,
      globalFolder,
      profile: { find: () => Promise.resolve(profile) },
      filesIn: (folder) => ({
        journal: new JournalFiles(join(folder, 'journal'), log),
        leases: new LeaseFiles(join(folder, 'leases'), log),
        ledgers: { sessions: new MemoryLedger(), bindings: new MemoryLedger() },
      }),
      passphrase,
      scryptCost: cheap,
      session: `session ${windows.length}`,
      clock: new FakeClock(),
      counters,
      log,
    });
    windows.push(window);
    return window;
  };

  it('touches nothing before it is used, and is the editor’s own from the beginning', async () => {
    const window = open();
    assert.equal(window.health.condition.kind, 'opening');
    assert.equal(counters.conditions['storage.condition'], 'opening');
    await window.secrets.store('a', 'one');
    assert.equal(counters.conditions['storage.condition'], 'works');
    assert.equal(secrets.values.get('a'), 'one');
    assert.deepEqual(window.health, {
      backend: 'secretStorage',
      condition: { kind: 'works' },
      setAside: 0,
    });
    assert.deepEqual([memento.keys(), await window.folder()], [[], join(globalFolder, 'ours')]);
  });

  it('has no folder where nothing is kept, or where the settings name none', async () => {
    assert.equal(await open({ backend: 'memory' }).folder(), undefined);
    assert.equal(await open({ directory: 'relative' }).folder(), undefined);
    assert.equal(await open({ directory: '/srv/mcp' }).folder(), '/srv/mcp/ours');
  });

  it('watches its journal from the moment in which it is unlocked', async () => {
    const window = open({ backend: 'encryptedFile' });
    const names: string[] = [];
    let isTold: () => void = () => undefined;
    const told = new Promise<void>((resolve) => (isTold = resolve));
    window.journal.watch((name) => {
      names.push(name);
      isTold();
    });
    await assert.rejects(async () => window.secrets.get('a'), isLocked);
    let unlocks = 0;
    window.onDidUnlock(() => (unlocks += 1));
    assert.ok(await window.unlock(new Secret(sesame)));
    await window.secrets.store('a', 'one');
    assert.deepEqual([unlocks, window.isLocked], [1, false]);
    await window.journal.write('x', 'text');
    await told;
    assert.deepEqual([...new Set(names)], ['x']);
  });

  it('takes the passphrase that another window has chosen meanwhile, and no other', async () => {
    const [one, two] = [open({ backend: 'encryptedFile' }), open({ backend: 'encryptedFile' })];
    await assert.rejects(async () => one.secrets.get('a'), isLocked);
    await assert.rejects(async () => two.secrets.get('a'), isLocked);
    assert.ok(await two.isPassphraseNew());
    await one.unlock(new Secret(sesame));
    await one.secrets.store('a', 'one');
    assert.equal(await two.isPassphraseNew(), false);
    assert.equal(await two.unlock(new Secret('another passphrase')), false);
    assert.ok(two.isLocked);
    assert.ok(await two.unlock(new Secret(sesame)));
    assert.equal(await two.secrets.get('a'), 'one');
  });

  it('finishes a move that was interrupted before it begins the next one', async () => {
    const [b, c] = [scratchFolder(), scratchFolder()];
    secrets.values.set(name, record);
    await memento.update(name, indexed);

    secrets.failNext('delete');
    const second = open({ backend: 'encryptedFile', directory: b }, sesame);
    assert.equal(await second.secrets.get(name), record);
    assert.ok(secrets.values.has(name), 'It was not removed.');
    const third = open({ backend: 'encryptedFile', directory: c }, sesame);
    assert.equal(await third.secrets.get(name), record);
    assert.ok(!secrets.values.has(name), 'It is removed now.');
    const back = open({ backend: 'encryptedFile', directory: b }, sesame);
    assert.equal(await back.secrets.get(name), record);
    assert.match(log.text, /Something is left where the credentials were before/);
    assert.doesNotMatch(`${log.text}${memento.text}`, /sesame|refresh"/);
  });

  for (const isSignedIn of [true, false]) {
    it(`leaves nothing of what servers said where it was before, ${isSignedIn ? 'as' : 'also if'} ${isSignedIn ? 'the credentials have moved' : 'there was no credential to move'}`, async () => {
      const [old, directory] = [join(globalFolder, 'ours'), scratchFolder()];
      const said = (folder: string) => join(folder, 'servers', 'one.json');
      const say = (folder: string) => {
        mkdirSync(dirname(said(folder)), { recursive: true });
        writeFileSync(said(folder), '{}');
      };
      say(old);
      if (isSignedIn) {
        secrets.values.set(name, record);
        await memento.update(name, indexed);
      }
      const sealed = open({ backend: 'encryptedFile' }, sesame);
      await sealed.secrets.get(name);
      assert.ok(existsSync(said(old)), 'It is in the same folder still.');
      const moved = open({ backend: 'encryptedFile', directory }, sesame);
      assert.equal(await moved.secrets.get(name), isSignedIn ? record : undefined);
      assert.ok(!existsSync(dirname(said(old))));
      say(join(directory, 'ours'));
      await open({ backend: 'encryptedFile', directory }, sesame).secrets.get(name);
      assert.ok(existsSync(said(join(directory, 'ours'))), 'What is in use stays.');
    });
  }

  describe('that was moved out of encrypted files whose passphrase nobody knows any more', () => {
    const oldPlace = { backend: 'encryptedFile', keyFile: '' } as const;
    const there = (path: string) => readdirSync(path).sort();
    const oursIn = (path: string) => there(join(path, 'ours'));
    const entriesIn = (path: string) =>
      there(join(path, 'ours', 'encrypted')).filter((file) => file.endsWith('.entry'));
    let old: string;

    beforeEach(async () => {
      old = scratchFolder();
      await memento.update(name, indexed);
      const first = open({ ...oldPlace, directory: old }, sesame);
      await first.secrets.store(name, record);
      sealedBefore(secrets);
      await memento.update('storage.place', { version: 1, inUse: { ...oldPlace, directory: old } });
    });

    /** The move has arrived, and its window was closed before the old place was tidied up. */
    async function leave(inUse: { backend: 'secretStorage'; directory: string; keyFile: string }) {
      secrets.values.set(name, record);
      const leaving = { ...oldPlace, directory: old };
      await memento.update('storage.place', { version: 1, inUse, leaving });
    }
    const editor = { backend: 'secretStorage', directory: '', keyFile: '' } as const;

    it('works at once, and the old place is tidied up as soon as it can be opened', async () => {
      await leave(editor);
      const window = open();
      assert.equal(await window.secrets.get(name), record);
      assert.deepEqual([window.isLocked, window.canStartAnew], [false, false]);
      assert.match(log.text, /Something is left .* until that can be opened/);
      assert.equal(await open({}, sesame).secrets.get(name), record);
      assert.deepEqual(entriesIn(old), []);
      assert.deepEqual(memento.get('storage.place'), { version: 1, inUse: editor });
    });

    it('asks for that passphrase before it is moved on, and can do without', async () => {
      await leave(editor);
      const wish = { backend: 'encryptedFile', keyFile: join(scratchFolder(), 'mcp.key') } as const;
      const window = open(wish);
      await assert.rejects(async () => window.secrets.get(name), isLocked);
      await window.startAnew();
      assert.match(oursIn(old).join(), /^encrypted\.[0-9a-f]{8},journal/);
      assert.deepEqual(oursIn(globalFolder), ['journal', 'leases'], 'What is in use is left alone.');
      assert.equal(await open(wish).secrets.get(name), record, 'Nothing is lost with it.');
    });

    it('does without it where it was in use, and leaves the new place alone', async () => {
      const wish = { ...oldPlace, directory: scratchFolder() };
      await memento.update('storage.place', { version: 1, inUse: wish, isEmpty: true });
      await open(wish, 'of another profile').secrets.store('x', 'one');
      await memento.update('storage.place', { version: 1, inUse: { ...oldPlace, directory: old } });
      const window = open(wish, 'of another profile');
      await assert.rejects(async () => window.secrets.get(name), isLocked);
      await window.startAnew();
      assert.match(oursIn(old).join(), /^encrypted\.[0-9a-f]{8}/);
      const again = open(wish, 'of another profile');
      assert.deepEqual([await again.secrets.get('x'), await again.secrets.get(name)], ['one', undefined]);
    });

    it('leaves what is in use alone when it is the new place that is locked', async () => {
      secrets.values.set(name, record);
      await memento.update('storage.place', { version: 1, inUse: { ...editor, directory: old } });
      const window = open({ ...oldPlace, directory: old });
      await assert.rejects(async () => window.secrets.get(name), isLocked);
      assert.ok(window.canStartAnew);
      mkdirSync(join(old, 'ours', 'journal'), { recursive: true });
      await window.startAnew();
      assert.ok(oursIn(old).includes('journal'));
      assert.ok(!oursIn(old).includes('encrypted'));
      assert.equal(await open({ ...oldPlace, directory: old }, 'a new passphrase').secrets.get(name), record);
    });
  });

  it('deletes files where they were, but not those of another profile', async () => {
    const shared = scratchFolder();
    await memento.update('storage.directories', ['', shared]);
    await open().journal.write('x', 'text');
    for (const profile of ['ours', 'theirs'])
      for (const name of ['audit', 'encrypted', 'servers'])
        mkdirSync(join(shared, profile, name), { recursive: true });
    await open({ backend: 'memory' }).deleteLeftBehind();
    const left = [join(globalFolder, 'ours'), join(shared, 'ours'), join(shared, 'theirs')].map((path) =>
      readdirSync(path),
    );
    assert.deepEqual(
      [left, memento.keys()],
      [[['journal'], ['journal'], ['audit', 'encrypted', 'servers']], []],
    );
    assert.deepEqual(readdirSync(join(shared, 'ours', 'journal')), ['storage.json']);
  });

  it('deletes what belongs to entries of the index that were set aside', async () => {
    secrets.values.set(name, record);
    await memento.update(`damaged:${name}`, { account: 'alice' });
    await open({ backend: 'memory' }).deleteLeftBehind();
    assert.deepEqual([...secrets.values], []);
  });

  it('keeps two profiles apart in one directory', async () => {
    const directory = scratchFolder();
    const inUse = { backend: 'secretStorage', directory, keyFile: '' };
    await memento.update('storage.place', { version: 1, inUse });
    const [ours, theirs] = [open({ directory }), open({ directory }, undefined, 'theirs')];
    await ours.journal.write('x', 'text');
    assert.equal(await theirs.journal.read('x'), undefined);
    assert.deepEqual(readdirSync(directory).sort(), ['ours', 'theirs']);
  });

  it('says why it cannot be used, to everybody who wants to use it', async () => {
    const window = open({ backend: 'encryptedFile', directory: 'relative' });
    const isUnusable = (error: unknown) => hasCode(error, 'storage_unusable');
    await assert.rejects(async () => window.secrets.get('a'), isUnusable);
    await assert.rejects(window.journal.read('a'), isUnusable);
    await assert.rejects(window.ledgers.sessions.load(), isUnusable);
    assert.equal(window.health.condition.kind, 'unusable');
    assert.equal(window.canStartAnew, false, 'It is the setting that helps.');
    assert.ok(!existsSync('relative'));
  });
});
