import assert from 'node:assert/strict';
import { serversSetting, useGround, userOf } from '../support/ground.js';

describe('a damaged entry in what is stored', () => {
  const ground = useGround();

  async function twoSignedIn(given = { withJournal: false }) {
    const issuer = await ground.issuer();
    const servers = await Promise.all(['work', 'home'].map((name) => ground.server(issuer, { name })));
    const user = serversSetting(servers);
    const { window } = ground.window({ user });
    await window.signIn(/^work$/);
    await window.signIn(/^home$/);
    await window.connect('work');
    await window.connect('home');
    await window.close();
    const { stores } = window;
    // With it, nothing that the editor loses would be lost.
    if (!given.withJournal) stores.loseJournal();
    const [work = ''] = stores.credentialKeys.filter((key) => key.includes(servers[0]?.url ?? 'nowhere'));
    return { issuer, stores, user, work };
  }

  const works = async ({ window }: ReturnType<typeof ground.window>, label: string) =>
    assert.equal(await (await window.connect(label)).call('whoami'), 'alice@example.com (Alice)');

  for (const [what, text] of Object.entries({
    'no JSON': '{"version":1,"account":',
    'another version': '{"version":99}',
    'another shape': '{"version":1,"account":"alice"}',
  })) {
    it(`is set aside when it is a secret with ${what}; the others work, and a sign-in mends it`, async () => {
      const { stores, user, work } = await twoSignedIn();
      stores.secrets.values.set(work, text);
      const again = ground.window({ stores, user }, userOf('alice'));
      await works(again, 'home');
      const { window } = again;
      assert.equal(stores.secrets.values.get(work.replace('/', '/damaged:')), text);
      assert.match(window.log(/is set aside/) ?? '', /^error /);

      const called = window.connect('work').then((client) => client.call('whoami'));
      const notice = await window.editor.window.message(
        /sign-in of alice@example\.com is gone from the editor’s secret storage\./,
      );
      notice.press('Sign In');
      assert.equal(await called, 'alice@example.com (Alice)');
    });
  }

  it('costs nothing while the journal is there', async () => {
    const { stores, user, work } = await twoSignedIn({ withJournal: true });
    stores.secrets.values.set(work, '{"version":99}');
    const again = ground.window({ stores, user, browse: undefined });
    await works(again, 'work');
    await works(again, 'home');
  });

  it('is no damage when the keyring has dropped a secret: the account is remembered', async () => {
    const { stores, user, work } = await twoSignedIn();
    stores.secrets.values.delete(work);
    const again = ground.window({ stores, user });
    await works(again, 'home');
    const called = again.window.connect('work').then((client) => client.call('whoami'));
    (await again.window.editor.window.message(/sign-in of alice@example\.com is gone/)).press('Sign In');
    assert.equal(await called, 'alice@example.com (Alice)');
  });

  it('is left out when it is a binding: the only account that fits takes its place', async () => {
    const { stores, user } = await twoSignedIn();
    stores.editLedger('bindings', (line) => (line.includes('work') ? line.slice(0, 40) : line));
    const again = ground.window({ stores, user, browse: undefined });
    await works(again, 'work');
    await works(again, 'home');
    assert.match(again.window.log(/Damaged bindings are left out/) ?? '', /^warn /);
  });

  it('is set aside when it is an entry of the index: that server is signed out, the others work', async () => {
    const { stores, user } = await twoSignedIn();
    const entry = stores.memento.keys().find((key) => key.startsWith('credential:')) ?? '';
    await stores.memento.update(entry, ['nonsense']);
    const again = ground.window({ stores, user, browse: undefined });
    const versions = (await again.window.editor.definitions()).map(({ version }) => version);
    assert.equal(versions.filter((version) => version?.startsWith('signed-out')).length, 1);
    assert.deepEqual(stores.memento.get(`damaged:${entry}`), ['nonsense']);
    await works(again, versions[0]?.startsWith('signed-out') ? 'home' : 'work');
  });

  it('is left out when it is a session', async () => {
    const { stores, user } = await twoSignedIn();
    stores.editLedger('sessions', () => '42');
    const again = ground.window({ stores, user, browse: undefined });
    await works(again, 'work');
    await works(again, 'home');
    assert.match(again.window.log(/Damaged sessions are left out/) ?? '', /^warn /);
  });
});
