import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { until, type BrokerWindow } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';
import { scratchFolder } from '../support/scratch-folder.js';

const alice = 'alice@example.com (Alice)';
const whoami = async (window: BrokerWindow, label: string) => (await window.connect(label)).call('whoami');
const shown = (window: BrokerWindow): string =>
  JSON.stringify(window.editor.statusBar?.tooltip).replace(/&#(\d+);/g, (_, code: string) =>
    String.fromCodePoint(Number(code)),
  );

describe('somebody who can write to the files of the storage', () => {
  const ground = useGround();

  /** Two servers, each with a credential of its own, in encrypted files; the window is closed. */
  async function stored() {
    const issuer = await ground.issuer();
    const servers = await Promise.all(['work', 'home'].map((name) => ground.server(issuer, { name })));
    const keyFile = join(scratchFolder(), 'mcp.key');
    const user = {
      ...serversSetting(servers),
      'mcpCredentials.storage.backend': 'encryptedFile',
      'mcpCredentials.storage.keyFile': keyFile,
    };
    const { window } = ground.window({ user });
    await window.signIn(/^work$/);
    await window.signIn(/^home$/);
    await whoami(window, 'work');
    await whoami(window, 'home');
    await window.close();
    const { stores } = window;
    // The journal would help out.
    const loseSealed = () => {
      const journal = join(stores.folder, 'journal');
      for (const name of readdirSync(journal))
        if (/^[0-9a-f]{32}\.json$/.test(name)) rmSync(join(journal, name));
    };
    const folder = join(stores.folder, 'encrypted');
    const entries = () => readdirSync(folder).filter((name) => name.endsWith('.entry'));
    const reopen = () => ground.window({ stores, user, browse: undefined }).window;
    return { issuer, stores, folder, entries, keyFile, reopen, loseSealed };
  }

  it('cannot change an entry unseen: it is set aside, reported, counted, and takes no other along', async () => {
    const { folder, entries, reopen, loseSealed } = await stored();
    loseSealed();
    const originals = new Map(entries().map((name) => [name, readFileSync(join(folder, name))]));
    let noticed = 0;
    for (const [name, bytes] of originals) {
      writeFileSync(
        join(folder, name),
        bytes.map((byte, index) => (index === 30 ? byte ^ 1 : byte)),
      );
      const window = reopen();
      await window.ready;
      assert.match(shown(window), /signed in/, 'The other one works.');
      noticed += Number(shown(window).includes('1 damaged entry was set aside'));
      await window.close();
      // The right one is put back by hand, as from a backup, where the wrong one is.
      const aside = join(folder, 'quarantine');
      const wrong = existsSync(aside) ? readdirSync(aside) : [];
      for (const file of wrong) writeFileSync(join(aside, file), bytes);
      if (wrong.length === 0) writeFileSync(join(folder, name), bytes);
    }
    const window = reopen();
    assert.deepEqual([await whoami(window, 'work'), await whoami(window, 'home')], [alice, alice]);
    assert.equal(
      noticed,
      3,
      'Two credentials and the key of the journal; the registration is not read at a start.',
    );
    assert.deepEqual(readdirSync(join(folder, 'quarantine')), [], 'What is sound again is back.');
  });

  it('cannot give one entry the content of another', async () => {
    const { issuer, folder, entries, reopen, loseSealed } = await stored();
    loseSealed();
    const [first = '', ...others] = entries();
    for (const other of others) copyFileSync(join(folder, first), join(folder, other));
    const window = reopen();
    await window.ready;
    await until(() => /damaged entr(y was|ies were) set aside/.test(shown(window)));
    await window.run('showStatus', /damaged entr/);
    assert.equal(window.editor.window.logShown, 1);
    assert.match(window.log(/is damaged; it is set aside/) ?? '', /^error /);
    assert.equal(issuer.counts().refusedRefreshes, 0);
  });

  it('cannot put a link to a folder of their own in the place of the encrypted files', async () => {
    const { folder, reopen } = await stored();
    const theirs = scratchFolder();
    renameSync(folder, `${folder}.away`);
    symlinkSync(theirs, folder);
    const window = reopen();
    await window.ready;
    assert.equal(window.editor.statusBar?.text, '$(warning) MCP: storage');
    assert.match(shown(window), /a link or a file is in the place of the folder/);
    await assert.rejects(window.editor.resolve('work'), /cannot be stored as the settings ask/);
    await window.close();
    assert.deepEqual(readdirSync(theirs), []);
  });

  it('cannot make us ask for a new passphrase, or make a new key, over entries that are there', async () => {
    const { folder, keyFile, reopen } = await stored();
    for (const name of ['store.json', 'store.copy.json']) rmSync(join(folder, name));
    const window = reopen();
    await window.ready;
    assert.match(shown(window), /is missing or damaged, without which nothing beside it can be read/);
    await window.close();
    rmSync(keyFile);
    const again = reopen();
    await again.ready;
    await again.close();
    assert.throws(() => statSync(keyFile), /ENOENT/);
  });

  for (const [who, mode] of [
    ['the group', 0o640],
    ['everybody', 0o604],
  ] as const) {
    it(`is not helped by a key file that ${who} can read: nothing is opened, and the way to mend it is named`, async () => {
      const { keyFile, reopen } = await stored();
      chmodSync(keyFile, mode);
      const window = reopen();
      await window.ready;
      assert.ok(shown(window).includes('chmod 600'), shown(window));
      await assert.rejects(window.editor.resolve('work'), /others can read the key file/);
      await window.close();
      chmodSync(keyFile, 0o600);
      assert.equal(await whoami(reopen(), 'work'), alice);
    });
  }

  it('has no use for a directory in which others could put files in the place of ours', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const directory = join(scratchFolder(), 'open to all');
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    const { window } = ground.window({
      user: { ...serversSetting([server]), 'mcpCredentials.storage.directory': directory },
    });
    await window.ready;
    assert.ok(shown(window).includes('chmod go-w'), shown(window));
    assert.deepEqual(readdirSync(directory), []);
  });

  it('cannot put links in the place of what is ours in a directory that everybody may add to', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const directory = scratchFolder();
    chmodSync(directory, 0o1777);
    const user = { ...serversSetting([server]), 'mcpCredentials.storage.directory': directory };
    const { window } = ground.window({ user });
    await window.signIn();
    await window.close();
    const theirs = scratchFolder();
    for (const name of readdirSync(directory)) {
      renameSync(join(directory, name), join(scratchFolder(), name));
      symlinkSync(theirs, join(directory, name));
    }
    const again = ground.window({ stores: window.stores, user, browse: undefined }).window;
    await again.ready;
    assert.match(shown(again), /a link or a file is in the place of the folder/);
    await again.close();
    assert.deepEqual(readdirSync(theirs), []);
  });
});
