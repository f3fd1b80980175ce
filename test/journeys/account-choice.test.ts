import assert from 'node:assert/strict';
import { Stores, until } from '../support/broker-window.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';
import type { TestMcpServer } from '../support/mcp-server.js';
import { alice, bob } from '../support/test-users.js';

const carol = { subject: 'carol', name: 'Carol', email: 'carol@example.com', password: 'carol' };

const several = /^Several of your accounts fit the MCP server “tickets”\.$/;

/** Opening a browser in such a window is a mistake. */
const nobodyAtTheBrowser = { browse: undefined } as const;

describe('several accounts that fit one server', () => {
  const ground = useGround();

  /** A profile in which alice and bob have signed in for one server, each in a workspace of their own. */
  async function twoAccounts() {
    const issuer = await ground.issuer({ users: [alice, bob, carol] });
    const server = await ground.server(issuer);
    const stores = new Stores();
    for (const name of ['alice', 'bob']) {
      const { window } = ground.window(
        {
          stores,
          folder: `file:///${name}`,
          user: serversSetting([server], { tickets: { auth: { account: `${name}@example.com` } } }),
        },
        userOf(name),
      );
      await window.signIn();
      await window.close();
    }
    return { issuer, server, stores };
  }

  const open = (stores: Stores, server: TestMcpServer, folder: string) =>
    ground.window({ stores, folder, user: serversSetting([server]), ...nobodyAtTheBrowser }).window;

  it('are asked about once in each workspace, and the answers are remembered', async () => {
    const { server, stores, issuer } = await twoAccounts();
    const { host } = new URL(issuer.issuer);
    const failsToStart = async (window: ReturnType<typeof open>) => {
      await assert.rejects(window.connect('tickets'), /Several of your accounts fit/);
      return () => window.connect('tickets');
    };
    // By then the server has said what it offers.
    const startsAndWaits = async (window: ReturnType<typeof open>) => {
      const client = await window.connect('tickets');
      const said = client.call('whoami');
      return () => Promise.resolve({ call: () => said });
    };
    for (const [folder, pick, name, begins] of [
      ['file:///one', /alice/, 'alice@example.com (Alice)', failsToStart],
      ['file:///two', /bob/, 'bob@example.com (Bob)', startsAndWaits],
    ] as const) {
      const window = open(stores, server, folder);
      const began = begins(window);
      const notice = await window.editor.window.message(several);
      assert.deepEqual(notice.buttons, ['Choose Account…']);
      assert.equal(window.editor.statusBar?.text, '$(key) MCP: choose an account');
      const goesOn = await began;
      window.editor.window.planPick(pick);
      notice.press('Choose Account…');
      await until(() => window.editor.statusBar?.text.includes('choose') === false);
      assert.equal(await (await goesOn()).call('whoami'), name);
      const [menu] = window.editor.window.picks;
      assert.deepEqual(
        menu?.items.map(({ label, description }) => [label, description]),
        [
          ['$(account) alice@example.com', host],
          ['$(account) bob@example.com', host],
          ['', undefined],
          ['$(person-add) Sign In with Another Account…', undefined],
        ],
      );
      await window.close();
    }
    for (const [folder, name] of [
      ['file:///one', 'alice@example.com (Alice)'],
      ['file:///two', 'bob@example.com (Bob)'],
    ] as const) {
      const again = open(stores, server, folder);
      assert.equal(await (await again.connect('tickets')).call('whoami'), name);
    }
  });

  it('are chosen from once more in a workspace that nobody has opened for half a year; where only one fits, it is used', async () => {
    const { server, stores } = await twoAccounts();
    const one = open(stores, server, 'file:///one');
    await one.ready;
    await one.run('signIn', /bob/);
    await one.close();
    const pinned = (name: string) => {
      const user = serversSetting([server], { tickets: { auth: { account: `${name}@example.com` } } });
      return ground.window({ stores, folder: `file:///${name}`, user, ...nobodyAtTheBrowser }).window;
    };
    const stays = pinned('alice');
    await stays.ready;
    stays.clock.leap(181 * 24 * 3_600_000);
    await stays.stayOpen(3);
    await until(() => stays.log(/Unused bindings are dropped: 2\./) !== undefined);

    const again = open(stores, server, 'file:///one');
    await assert.rejects(again.connect('tickets'), /Several of your accounts fit/);
    const notice = await again.editor.window.message(several);
    again.editor.window.planPick(/bob/);
    notice.press('Choose Account…');
    await until(() => again.editor.statusBar?.text.includes('choose') === false);
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'bob@example.com (Bob)');
    assert.equal(again.editor.window.messages.length, 1);
    const bobs = pinned('bob');
    assert.equal(await (await bobs.connect('tickets')).call('whoami'), 'bob@example.com (Bob)');
  });

  it('are never asked about in a menu that nobody opened, nor again when the question was closed', async () => {
    const { server, stores } = await twoAccounts();
    const window = open(stores, server, 'file:///one');
    for (let start = 0; start < 3; start++) {
      await assert.rejects(window.editor.resolve('tickets'), {
        message:
          'Several of your accounts fit the MCP server “tickets”. Run “MCP Credentials: Sign In” from the Command Palette and choose “tickets”, then try again.',
      });
      if (start === 0) (await window.editor.window.message(several)).close();
    }
    assert.deepEqual([window.editor.window.messages.length, window.editor.window.picks], [1, []]);
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('stay unbound when the menu is left, and the call ends with what to do', async () => {
    const { server, stores } = await twoAccounts();
    const window = open(stores, server, 'file:///one');
    const failed = assert.rejects(window.connect('tickets'), /Several of your accounts fit/);
    const notice = await window.editor.window.message(several);
    window.editor.window.planPick(undefined);
    notice.press('Choose Account…');
    await failed;
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('are in the menu of the command, which needs no browser for them', async () => {
    const { server, stores, issuer } = await twoAccounts();
    const window = open(stores, server, 'file:///one');
    await window.ready;
    const before = issuer.counts().signIns;
    await window.run('signIn', /bob/);
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'bob@example.com (Bob)');
    assert.equal(issuer.counts().signIns, before);
  });

  it('leave room for somebody else, who signs in in the browser', async () => {
    const { server, stores } = await twoAccounts();
    const user = serversSetting([server]);
    const { window } = ground.window({ stores, folder: 'file:///one', user }, userOf('carol'));
    await window.signIn(/Another Account/);
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'carol@example.com (Carol)');
  });

  it('have to sign in first when the one who is chosen has lost the access', async () => {
    const { server, stores, issuer } = await twoAccounts();
    const own = serversSetting([server], { tickets: { auth: { account: 'bob@example.com' } } });
    const his = ground.window({ stores, folder: 'file:///bob', user: own }).window;
    await his.ready;
    issuer.revokeGrants('bob');
    const run = his.run('refreshNow');
    (await his.editor.window.message(/waits for you to sign in again/)).close();
    (await his.editor.window.message(/Run “MCP Credentials: Sign In”/)).close();
    await run;
    await his.close();

    const user = serversSetting([server]);
    const { window } = ground.window({ stores, folder: 'file:///one', user }, userOf('bob'));
    await window.ready;
    await window.run('signIn', /bob/);
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'bob@example.com (Bob)');
    assert.equal(window.editor.opened.length, 1);
  });
});
