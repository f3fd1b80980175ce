import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AuthorizationServerOptions, TestAuthorizationServer } from '../support/authorization-server.js';
import { Stores, until, type BrokerWindow } from '../support/broker-window.js';
import { everythingIn } from '../support/encrypted.js';
import { FakeMemento } from '../support/fake-memento.js';
import { serversSetting, useGround } from '../support/ground.js';
import { scratchFolder } from '../support/scratch-folder.js';

const storage = (values: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`mcpCredentials.storage.${name}`, value]),
  );
const whoami = async (window: BrokerWindow) => (await window.connect('tickets')).call('whoami');
const alice = 'alice@example.com (Alice)';
const sesame = 'open sesame, please';

/** What lies in the editor's folder, beside the audit trail. */
const filesIn = ({ folder }: Stores) => readdirSync(folder).filter((name) => name !== 'audit');

/** What lies in files after everything was deleted, beside what other windows are told. */
const remains = (folder: string) =>
  globSync(join(folder, '**'), { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'storage.json')
    .map(({ name }) => name);

/** What the tooltip and the menu say about storage. */
const shown = (window: BrokerWindow): string =>
  JSON.stringify(window.editor.statusBar?.tooltip).replace(/&#(\d+);/g, (_, code: string) =>
    String.fromCodePoint(Number(code)),
  );

function assertNothingReadable(issuer: TestAuthorizationServer, ...folders: readonly string[]): void {
  const remains = folders.map(everythingIn).join('\n');
  assert.ok(issuer.issuedSecrets.size > 0);
  for (const secret of issuer.issuedSecrets) assert.ok(!remains.includes(secret), 'A token lies in a file.');
}

describe('a storage', () => {
  const ground = useGround();

  async function parties(options: AuthorizationServerOptions = {}) {
    const issuer = await ground.issuer(options);
    const server = await ground.server(issuer);
    /** One window after the other, with what the settings say about storage. */
    const open = (stores: Stores, settings: Record<string, unknown>, environment = {}) =>
      ground.window({ stores, user: { ...serversSetting([server]), ...storage(settings) }, environment })
        .window;
    return { issuer, server, open };
  }

  for (const [name, settings, environment] of [
    ['auto', {}, {}],
    ['secretStorage', { backend: 'secretStorage' }, {}],
    ['encryptedFile with a key file', { backend: 'encryptedFile', keyFile: '' }, {}],
    [
      'encryptedFile with a passphrase of the environment',
      { backend: 'encryptedFile' },
      { MCP_CREDENTIALS_PASSPHRASE: sesame },
    ],
    ['secretStorage with a directory', { backend: 'secretStorage', directory: '' }, {}],
  ] as const) {
    it(`keeps the sign-in across a reload: ${name}`, async () => {
      const { issuer, open } = await parties();
      const [stores, elsewhere] = [new Stores(), scratchFolder()];
      const given = {
        ...settings,
        ...('keyFile' in settings && { keyFile: join(elsewhere, 'mcp.key') }),
        ...('directory' in settings && { directory: join(elsewhere, 'deep', 'below') }),
      };
      const first = open(stores, given, environment);
      await first.signIn();
      assert.equal(await whoami(first), alice);
      await first.close();
      const again = open(stores, given, environment);
      assert.equal(await whoami(again), alice);
      assert.equal(issuer.counts().signIns, 1);
      await until(() => /Stored in: .* · in order/.test(shown(again)));
      assertNothingReadable(issuer, stores.home, elsewhere);
      if (name.startsWith('encryptedFile')) assert.deepEqual([...stores.secrets.values], []);
      if ('directory' in settings) assert.deepEqual(readdirSync(stores.home), ['host']);
    });
  }

  it('of memory keeps nothing at all, anywhere', async () => {
    const { issuer, open } = await parties();
    const stores = new Stores({ globalState: new FakeMemento() });
    const first = open(stores, { backend: 'memory' });
    await first.signIn();
    assert.equal(await whoami(first), alice);
    first.clock.leap(55_000);
    assert.equal(await (await first.connect('tickets')).call('whoami'), alice);
    assert.match(shown(first), /Stored in: this window’s memory · gone when the window is closed/);
    await first.close();
    assert.deepEqual(
      [stores.globalState.keys(), readdirSync(stores.home), [...stores.secrets.values]],
      [[], [], []],
    );
    const again = open(stores, { backend: 'memory' });
    assert.match((await again.definition('tickets')).version ?? '', /^signed-out /);
    assert.equal(issuer.counts().signIns, 1);
  });

  describe('behind a passphrase', () => {
    it('has it chosen twice when the user first wants to sign in', async () => {
      const { issuer, open } = await parties();
      const stores = new Stores();
      const window = open(stores, { backend: 'encryptedFile' });
      await window.ready;
      assert.equal(window.editor.statusBar?.text, '$(lock) MCP: locked');
      assert.equal(window.editor.window.inputs.length, 0, 'Nothing is asked without a click.');
      const running = window.run('signIn');
      const box = await window.editor.window.input(/If you lose it, nobody can recover them/);
      assert.ok(box.password && box.ignoreFocusOut);
      box.enter('short');
      await until(() => /At least 12 characters/.test(box.validationMessage ?? ''));
      box.enter(sesame);
      const again = await window.editor.window.input(/once more/);
      again.enter('something else');
      await until(() => /another one/.test(again.validationMessage ?? ''));
      again.enter(sesame);
      await running;
      assert.equal(issuer.counts().signIns, 1);
      assert.equal(await whoami(window), alice);
      assertNothingReadable(issuer, stores.folder);
      assert.doesNotMatch(`${window.remains}${everythingIn(stores.folder)}`, /sesame/);
    });

    async function locked() {
      const { issuer, open } = await parties();
      const stores = new Stores();
      const settings = { backend: 'encryptedFile' };
      const first = open(stores, settings, { MCP_CREDENTIALS_PASSPHRASE: sesame });
      await first.signIn();
      await first.connect('tickets');
      await first.close();
      const window = open(stores, settings);
      await window.ready;
      return { issuer, stores, window, open, settings };
    }

    it('lets a call wait, says so once, and lets it go on when it is opened', async () => {
      const { issuer, window } = await locked();
      assert.match(shown(window), /locked, waits for the passphrase/);
      assert.equal(window.editor.window.messages.length, 0, 'A start says nothing.');
      const answers = [
        whoami(window),
        window.connectUnresolved('tickets').then(({ call }) => call('whoami')),
      ];
      const notice = await window.editor.window.message(/^Your MCP credentials are locked\.$/);
      notice.press('Unlock');
      const box = await window.editor.window.input(/passphrase of your stored/);
      box.enter('not the passphrase');
      await until(() => /That is not the passphrase/.test(box.validationMessage ?? ''));
      assert.ok(box.isVisible && box.enabled);
      box.enter(sesame);
      assert.deepEqual(await Promise.all(answers), [alice, alice]);
      assert.equal(issuer.counts().signIns, 1);
      assert.equal(window.editor.window.messages.length, 1);
      assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
    });

    it('is opened from the menu, and may be left closed', async () => {
      const { window } = await locked();
      const running = window.run('showStatus', /Unlock…/);
      (await window.editor.window.input(/passphrase/)).hide();
      await running;
      assert.equal(window.editor.statusBar?.text, '$(lock) MCP: locked');
      const again = window.run('showStatus', /Unlock…/);
      (await window.editor.window.input(/passphrase/)).enter(sesame);
      await again;
      assert.equal(await whoami(window), alice);
    });

    it('ends a call that waited too long with what to do', async () => {
      const { window } = await locked();
      window.editor.settings.set('user', 'mcpCredentials.signInWaitSeconds', 0);
      // The start fails, or the first call: as the server is remembered or not.
      const told = () => whoami(window).catch(String);
      const instructions = /locked.*“MCP Credentials: Show Status”.*passphrase/;
      assert.match(await told(), instructions);
      const first = await window.editor.window.message(/are locked/);
      assert.match(await told(), instructions);
      assert.equal(window.editor.window.messages.length, 1, 'Said once.');
      first.close();
    });

    it('is mentioned again to the next call when the notification was closed, or the passphrase not entered', async () => {
      const { window } = await locked();
      const { call } = await window.connect('tickets');
      const messages = () => window.editor.window.messages.length;
      const calls = [call('whoami')];
      (await window.editor.window.message(/are locked/)).close();
      await window.waiting(1);
      assert.equal(messages(), 1, 'Nobody asks by itself.');
      calls.push(call('whoami'));
      (await window.editor.window.message(/are locked/)).press('Unlock');
      const box = await window.editor.window.input(/passphrase of your stored/);
      calls.push(call('whoami'));
      await window.waiting(3);
      assert.equal(messages(), 2, 'The box is open.');
      box.hide();
      calls.push(call('whoami'));
      (await window.editor.window.message(/are locked/)).press('Unlock');
      (await window.editor.window.input(/passphrase of your stored/)).enter(sesame);
      assert.deepEqual(await Promise.all(calls), Array(4).fill(alice));
      assert.equal(messages(), 3);
    });

    it('is opened by a wrong passphrase of the environment no more than by a wrong one that is typed', async () => {
      const { stores, window, open, settings } = await locked();
      await window.close();
      const again = open(stores, settings, { MCP_CREDENTIALS_PASSPHRASE: 'something wrong here' });
      await again.ready;
      assert.equal(again.editor.statusBar?.text, '$(lock) MCP: locked');
      assert.match(again.log(/another passphrase/) ?? '', /^warn /);
    });

    it('can get a key file instead, and the other way round', async () => {
      const { stores, window, open, settings } = await locked();
      await window.close();
      const keyFile = join(scratchFolder(), 'mcp.key');
      const withBoth = open(stores, { ...settings, keyFile }, { MCP_CREDENTIALS_PASSPHRASE: sesame });
      assert.equal(await whoami(withBoth), alice);
      await withBoth.close();
      const withKey = open(stores, { ...settings, keyFile });
      assert.equal(await whoami(withKey), alice);
      await withKey.close();
      const back = open(stores, settings, { MCP_CREDENTIALS_PASSPHRASE: 'another passphrase' });
      assert.equal(await whoami(back), alice);
      await back.close();
      const last = open(stores, settings, { MCP_CREDENTIALS_PASSPHRASE: 'another passphrase' });
      assert.equal(await whoami(last), alice);
    });

    it('can be given up for a new one when the passphrase is lost, and what was there stays on the disk', async () => {
      const { stores, window, open, settings } = await locked();
      const running = window.run('showStatus', /Begin Without What Was Stored/);
      (await window.editor.window.message(/you sign in again everywhere/)).press('Begin Anew');
      await running;
      assert.ok(window.editor.executed.includes('workbench.action.reloadWindow'));
      await window.close();
      assert.ok(readdirSync(stores.folder).some((name) => /^encrypted\.[0-9a-f]{8}$/.test(name)));
      const again = open(stores, settings, { MCP_CREDENTIALS_PASSPHRASE: 'a new beginning' });
      const connected = whoami(again);
      (await again.editor.window.message(/sign in/)).press('Sign In');
      assert.equal(await connected, alice);
    });
  });

  describe('that changes its place', () => {
    it('moves everything there and back, and leaves nothing where it was', async () => {
      const { issuer, open } = await parties();
      const [stores, elsewhere] = [new Stores(), scratchFolder()];
      const keyFile = join(elsewhere, 'mcp.key');
      const directory = join(elsewhere, 'store');
      const first = open(stores, {});
      await first.signIn();
      await whoami(first);
      await first.close();
      for (const settings of [
        { backend: 'encryptedFile', keyFile },
        { backend: 'encryptedFile', keyFile, directory },
        { backend: 'secretStorage', directory },
        { backend: 'encryptedFile', keyFile },
        {},
      ]) {
        const window = open(stores, settings);
        assert.equal(await whoami(window), alice, JSON.stringify(settings));
        window.clock.leap(55_000);
        assert.equal(await whoami(window), alice);
        assert.equal(stores.credentialKeys.length > 0, settings.backend !== 'encryptedFile');
        assertNothingReadable(issuer, stores.folder, elsewhere);
        await window.close();
      }
      assert.deepEqual([issuer.counts().signIns, issuer.counts().refusedRefreshes], [1, 0]);
      assert.deepEqual(
        globSync(join(directory, '*', 'encrypted', '*')).filter((name) => name.endsWith('.entry')),
        [],
      );
    });

    it('goes on where it was interrupted', async () => {
      const { issuer, open } = await parties();
      const stores = new Stores();
      const keyFile = join(scratchFolder(), 'mcp.key');
      const first = open(stores, {});
      await first.signIn();
      await first.close();
      stores.secrets.failNext('delete', 1);
      const second = open(stores, { backend: 'encryptedFile', keyFile });
      assert.equal(await whoami(second), alice);
      assert.equal(stores.credentialKeys.length, 1, 'It is still where it was before.');
      assert.match(second.log(/Something is left/) ?? '', /^warn /);
      await second.close();
      const third = open(stores, { backend: 'encryptedFile', keyFile });
      assert.equal(await whoami(third), alice);
      assert.deepEqual([...stores.secrets.values], []);
      assert.equal(issuer.counts().signIns, 1);
    });

    it('stays where it was when it cannot be moved, says so, and tries again', async () => {
      const { issuer, open } = await parties();
      const stores = new Stores();
      const keyFile = join(scratchFolder(), 'mcp.key');
      const first = open(stores, { backend: 'encryptedFile', keyFile });
      await first.signIn();
      await first.close();
      stores.secrets.failNext('store', 2);
      const second = open(stores, {});
      const notice = await second.editor.window.message(
        /could not be moved, so they stay .* encrypted files/,
      );
      notice.press('Show Log');
      assert.equal(await whoami(second), alice);
      assert.match(shown(second), /Stored in: encrypted files · in order · not moved: /);
      await second.close();
      const third = open(stores, {});
      assert.equal(await whoami(third), alice);
      assert.equal(stores.credentialKeys.length, 1);
      assert.equal(issuer.counts().signIns, 1);
    });

    it('keeps a window that still works in the old place from renewing there', async () => {
      const { issuer, open } = await parties();
      const stores = new Stores();
      const keyFile = join(scratchFolder(), 'mcp.key');
      const old = open(stores, {});
      await old.signIn();
      const { call } = await old.connect('tickets');
      const moved = open(stores, { backend: 'encryptedFile', keyFile, directory: scratchFolder() });
      assert.equal(await whoami(moved), alice);
      old.clock.leap(55_000);
      assert.match(await call('whoami'), /Reload this window/);
      moved.clock.leap(55_000);
      assert.equal(await whoami(moved), alice);
      assert.deepEqual([issuer.counts().refreshes, issuer.counts().refusedRefreshes], [1, 0]);
    });

    it('asks for a reload in the window in which the setting was changed, once', async () => {
      const { open } = await parties();
      const window = open(new Stores(), {});
      await window.ready;
      window.editor.settings.set('user', 'mcpCredentials.storage.backend', 'encryptedFile');
      const notice = await window.editor.window.message(/^Reload the window to move your credentials\.$/);
      window.editor.settings.set('user', 'mcpCredentials.storage.keyFile', '~/mcp.key');
      notice.press('Reload Window');
      await until(() => window.editor.executed.includes('workbench.action.reloadWindow'));
    });
  });

  const sharing = {
    // Of globalState each profile has its own; secrets and, on one host, the folder are the same for all.
    'two profiles of one editor': ({ secrets, home }: Stores) => new Stores({ secrets, home }),
    // What lies where the editor's windows are is the same for both.
    'two hosts of one profile': ({ secrets, globalState }: Stores) => new Stores({ secrets, globalState }),
  };
  for (const [name, share] of Object.entries(sharing))
    describe(`of ${name}`, () => {
      async function both(settings = {}) {
        const { issuer, server, open } = await parties();
        const mine = new Stores();
        const other = share(mine);
        for (const stores of [mine, other]) {
          const window = open(stores, settings);
          await window.ready;
          assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
          await window.signIn();
          assert.equal(await whoami(window), alice);
          await window.close();
        }
        return { issuer, server, open, mine, other };
      }

      it('has a client and a credential for each, so that none spends the refresh token of the other', async () => {
        const { issuer, open, mine, other } = await both();
        for (const stores of [mine, other]) {
          assert.deepEqual([stores.credentialKeys.length, stores.secretNames('client:').length], [1, 1]);
          const window = open(stores, {});
          window.clock.leap(55_000);
          assert.equal(await whoami(window), alice);
        }
        const { registrations, refusedRefreshes } = issuer.counts();
        assert.deepEqual([registrations, refusedRefreshes], [2, 0]);
      });

      it('leaves what is the other’s alone when one moves, and when one deletes', async () => {
        const directory = scratchFolder();
        const { issuer, open, mine, other } = await both({ directory });
        const theirs = () => [
          ...other.secretNames().map((name) => [name, other.secrets.values.get(name)]),
          ...other.memento.keys().map((name) => [name, other.memento.get(name)]),
          ...globSync(join(directory, other.own, '{journal,sessions,bindings,audit}', '*')).map((path) => [
            path,
            readFileSync(path, 'utf8'),
          ]),
        ];
        const before = theirs();
        const kinds = [
          '/credential:',
          '/client:',
          '/journal-key',
          'credential:',
          '/journal/',
          '/sessions/',
          '/bindings/',
          '/audit/',
        ];
        for (const kind of kinds) assert.ok(JSON.stringify(before).includes(kind), kind);
        assert.deepEqual(readdirSync(directory).sort(), [mine.own, other.own].sort());
        const moved = open(mine, { backend: 'encryptedFile', keyFile: join(scratchFolder(), 'mcp.key') });
        assert.equal(await whoami(moved), alice);
        await moved.close();
        assert.deepEqual([mine.secretNames(), theirs()], [[], before]);
        const back = open(mine, {});
        assert.equal(await whoami(back), alice);
        await back.close();
        const last = open(mine, { backend: 'memory' });
        (await last.editor.window.message(/still there/)).press('Delete Stored Credentials');
        await until(() => mine.memento.keys().length === 0);
        await last.close();
        assert.deepEqual([mine.secretNames(), theirs()], [[], before]);
        assert.deepEqual([mine.folder, join(directory, mine.own)].flatMap(remains), []);
        assert.equal(await whoami(open(other, { directory })), alice);
        assert.equal(issuer.counts().signIns, 2);
      });
    });

  describe('of a profile that is new', () => {
    const begin = () => new Stores({ globalState: new FakeMemento() });

    it('is the same for two windows that are opened at once, and for later ones', async () => {
      const { issuer, open } = await parties();
      const stores = begin();
      const [one, two] = [open(stores, {}), open(stores, {})];
      await one.signIn();
      assert.equal(await whoami(two), alice);
      await Promise.all([one.close(), two.close()]);
      assert.equal(await whoami(open(stores, {})), alice);
      assert.deepEqual(readdirSync(stores.home).sort(), [stores.own, 'host'].sort());
      assert.equal(issuer.counts().signIns, 1);
    });

    it('is there after a window that was closed at once', async () => {
      const { open } = await parties();
      const stores = begin();
      await open(stores, {}).close();
      const again = open(stores, {});
      await again.signIn();
      assert.equal(await whoami(again), alice);
    });
  });

  it('is found again when the file with the host’s id is lost', async () => {
    const { issuer, open } = await parties();
    const stores = new Stores();
    const first = open(stores, {});
    await first.signIn();
    await first.close();
    rmSync(join(stores.home, 'host'));
    assert.equal(await whoami(open(stores, {})), alice);
    assert.equal(issuer.counts().signIns, 1);
  });

  it('is a new one when globalState is lost, and what was there stays where it is', async () => {
    const { issuer, open } = await parties();
    const stores = new Stores();
    const first = open(stores, {});
    await first.signIn();
    await first.close();
    const { secrets, home } = stores;
    const [names, journal] = [stores.secretNames(), join(stores.folder, 'journal')];
    const [before, files] = [names.map((name) => secrets.values.get(name)), readdirSync(journal)];
    const again = open(new Stores({ secrets, home }), {});
    assert.match((await again.definition('tickets')).version ?? '', /^signed-out /);
    await again.signIn();
    assert.equal(await whoami(again), alice);
    assert.deepEqual([names.map((name) => secrets.values.get(name)), readdirSync(journal)], [before, files]);
    assert.equal(issuer.counts().signIns, 2);
  });

  describe('of memory, after another one', () => {
    async function leftBehind() {
      const { issuer, open } = await parties();
      const stores = new Stores();
      const first = open(stores, {});
      await first.signIn();
      await first.connect('tickets');
      await first.close();
      const window = open(stores, { backend: 'memory' });
      const notice = await window.editor.window.message(
        /what earlier windows have stored is still there\. .* and the audit trail\./,
      );
      return { issuer, stores, window, notice, open };
    }

    it('asks whether to delete what was stored, and does it', async () => {
      const { stores, window, notice } = await leftBehind();
      assert.equal(stores.credentialKeys.length, 1);
      notice.press('Delete Stored Credentials');
      await until(() => stores.memento.keys().length === 0);
      await window.close();
      assert.deepEqual([[...stores.secrets.values], remains(stores.folder)], [[], []]);
    });

    it('keeps a window that was not reloaded from storing again what was deleted', async () => {
      const { open } = await parties();
      const stores = new Stores();
      const old = open(stores, {});
      await old.signIn();
      const { call } = await old.connect('tickets');
      const window = open(stores, { backend: 'memory' });
      const notice = await window.editor.window.message(/still there/);
      notice.press('Delete Stored Credentials');
      await until(() => window.log(/What earlier windows had stored is deleted/) !== undefined);
      old.clock.leap(55_000);
      assert.match(await call('whoami'), /Reload this window/);
      assert.deepEqual(stores.credentialKeys, []);
    });

    it('deletes what was signed out, set aside, renamed and moved away as well', async () => {
      const { open } = await parties({ registrationManagement: false });
      const [stores, elsewhere] = [new Stores(), scratchFolder()];
      const first = open(stores, { directory: elsewhere });
      await first.signIn();
      await (await first.connect('tickets')).client.listTools();
      const said = () => globSync(join(elsewhere, '**', 'servers', '*.json'));
      await until(() => said().length === 1);
      await first.run('signOut');
      (await first.editor.window.message(/Signed out/)).close();
      await first.close();
      assert.equal(said().length, 1, 'The server may start with it.');
      assert.ok(stores.secretNames('client:').length > 0);
      const locked = { backend: 'encryptedFile' };
      const second = open(stores, locked, { MCP_CREDENTIALS_PASSPHRASE: sesame });
      await second.signIn();
      await second.close();
      const third = open(stores, locked);
      await third.ready;
      const running = third.run('showStatus', /Begin Without What Was Stored/);
      (await third.editor.window.message(/you sign in again everywhere/)).press('Begin Anew');
      await running;
      await third.close();
      assert.ok(readdirSync(stores.folder).some((name) => name.startsWith('encrypted.')));
      assert.equal(globSync(join(elsewhere, '*', 'audit')).length, 1);
      const last = open(stores, { backend: 'memory' });
      (await last.editor.window.message(/still there/)).press('Delete Stored Credentials');
      await until(() => stores.memento.keys().length === 0);
      await last.close();
      const left = [stores.folder, elsewhere].flatMap(remains);
      assert.deepEqual([[...stores.secrets.values], left], [[], []]);
    });

    it('keeps it when the user wants to, for the day on which it is wanted again', async () => {
      const { issuer, stores, window, notice, open } = await leftBehind();
      notice.press('Keep');
      await until(() => stores.memento.get('storage.kept') === true);
      await window.close();
      const quiet = open(stores, { backend: 'memory' });
      await quiet.ready;
      await quiet.close();
      assert.equal(quiet.editor.window.messages.length, 0, 'Asked once.');
      assert.equal(await whoami(open(stores, {})), alice);
      assert.equal(issuer.counts().signIns, 1);
    });
  });

  describe('that forgets', () => {
    it('is told of once, and the file is offered', async () => {
      const { open } = await parties();
      const stores = new Stores();
      const first = open(stores, {});
      await first.signIn();
      first.clock.leap(61_000);
      await until(() => stores.memento.get('storage.canary') !== undefined);
      await first.close();
      stores.secrets.values.clear();
      const second = open(stores, {});
      const notice = await second.editor.window.message(/^Your editor keeps secrets only until it is closed/);
      assert.deepEqual(notice.buttons, ['Use an Encrypted File', 'Keep It']);
      notice.press('Use an Encrypted File');
      await second.editor.window.message(/^Reload the window/);
      assert.match(second.editor.settings.text, /"mcpCredentials.storage.backend":"encryptedFile"/);
      await until(() => /forgets when the editor is closed/.test(shown(second)));
      await second.close();
      stores.secrets.values.clear();
      const third = open(stores, {});
      await third.ready;
      await until(() => /forgets when the editor is closed/.test(shown(third)));
      assert.equal(third.editor.window.messages.length, 0, 'Told once.');
    });
  });

  describe('that cannot be used as the settings ask', () => {
    for (const [name, settings, why] of [
      ['a relative directory', { directory: 'mcp' }, /"mcp" .* is not an absolute path/],
      ['a relative key file', { backend: 'encryptedFile', keyFile: 'mcp.key' }, /not an absolute path/],
      ['a directory that cannot be made', { directory: fileURLToPath(import.meta.url) }, /takes no files/],
    ] as const) {
      it(`stores nothing anywhere else: ${name}`, async () => {
        const { issuer, open } = await parties();
        const stores = new Stores();
        const window = open(stores, settings);
        await window.ready;
        assert.equal(window.editor.statusBar?.text, '$(warning) MCP: storage');
        assert.match(shown(window), why);
        const running = window.run('signIn');
        (await window.editor.window.message(/cannot be stored as the settings ask.*Correct/)).close();
        await running;
        assert.deepEqual([issuer.counts().signIns, window.editor.opened], [0, []]);
        await window.run('showStatus', /Stored in: .* cannot be used/);
        assert.ok(window.editor.executed.includes('workbench.action.openSettings'));
        await window.close();
        assert.deepEqual([[...stores.secrets.values.keys()], filesIn(stores)], [[], []]);
      });
    }

    it('does not take a disk that is not there today for an empty one', async () => {
      const { issuer, open } = await parties();
      const [stores, disk] = [new Stores(), scratchFolder()];
      const settings = {
        backend: 'encryptedFile',
        directory: join(disk, 'mcp'),
        keyFile: join(scratchFolder(), 'key'),
      };
      const first = open(stores, settings);
      await first.signIn();
      await first.close();
      renameSync(settings.directory, `${settings.directory}.away`);
      const second = open(stores, settings);
      await second.ready;
      assert.match(shown(second), /are not there now/);
      assert.ok(!existsSync(join(settings.directory, 'encrypted')));
      await second.close();
      // The audit trail may have begun anew there.
      rmSync(settings.directory, { recursive: true, force: true });
      renameSync(`${settings.directory}.away`, settings.directory);
      assert.equal(await whoami(open(stores, settings)), alice);
      assert.equal(issuer.counts().signIns, 1);
      assert.ok(readFileSync(settings.keyFile).length === 32);
    });
  });
});
