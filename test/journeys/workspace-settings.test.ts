import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';

const folder = 'file:///home/alice/project';

describe('a server that a workspace proposes', () => {
  const ground = useGround();

  async function proposed(isTrusted = true) {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const options = { workspace: serversSetting([server]), folder, isTrusted };
    return { issuer, server, options, ...ground.window(options) };
  }

  it('is used only after a question that shows its full URL, and the answer is remembered', async () => {
    const { server, options, window } = await proposed();
    const question = await window.editor.window.message(
      /This workspace wants to use the MCP server “tickets”/,
    );
    assert.ok(question.text.includes(server.url), question.text);
    assert.deepEqual(question.buttons, ['Allow', 'Don’t Allow']);
    assert.deepEqual(await window.editor.definitions(), []);
    assert.deepEqual(server.requests, []);

    question.press('Allow');
    await window.offers('tickets');
    await window.signIn();
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    await window.close();

    const again = ground.window({ ...options, stores: window.stores, browse: undefined }).window;
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
  });

  it('is asked about again when its URL changes', async () => {
    const { server, options, window } = await proposed();
    (await window.editor.window.message(/wants to use/)).press('Allow');
    await until(() => window.stores.memento.keys().length > 0);
    await window.close();

    const moved = { tickets: { type: 'http', url: `${server.url}/elsewhere` } };
    const again = ground.window({
      ...options,
      stores: window.stores,
      workspace: { 'mcpCredentials.servers': moved },
    }).window;
    const question = await again.editor.window.message(/wants to use/);
    assert.ok(question.text.includes(`${server.url}/elsewhere`));
    assert.deepEqual(await again.editor.definitions(), []);
  });

  it('is asked about again when it changes where to sign in', async () => {
    const { server, window } = await proposed();
    (await window.editor.window.message(/wants to use/)).press('Allow');
    await window.offers('tickets');
    window.editor.settings.set('workspace', 'mcpCredentials.servers', {
      tickets: { type: 'http', url: server.url, auth: { issuer: 'https://login.example.com' } },
    });
    const question = await window.editor.window.message(/You would sign in at https:\/\/login\.example\.com/);
    assert.ok(question.text.includes(server.url));
    assert.deepEqual(await window.editor.definitions(), []);
  });

  it('stays unused after Don’t Allow, and is not asked about again', async () => {
    const { server, options, window } = await proposed();
    (await window.editor.window.message(/wants to use/)).press('Don’t Allow');
    await until(() => window.stores.memento.keys().length > 0);
    await window.close();
    const again = ground.window({ ...options, stores: window.stores }).window;
    assert.deepEqual(await again.editor.definitions(), []);
    assert.deepEqual(server.requests, []);
  });

  it('can be allowed after all, and no longer, from the menu', async () => {
    const { window } = await proposed();
    (await window.editor.window.message(/wants to use/)).press('Don’t Allow');
    await until(() => window.stores.memento.keys().length > 0);

    const allowing = window.run('showStatus', /circle-slash/);
    (await window.editor.window.message(/wants to use/)).press('Allow');
    await allowing;
    await window.offers('tickets');

    const denying = window.run('showStatus', /^tickets/, /Answer the Workspace Anew/);
    (await window.editor.window.message(/wants to use/)).press('Don’t Allow');
    await denying;
    await until(() => window.editor.statusBar === undefined);
    assert.deepEqual(await window.editor.definitions(), []);
  });

  it('is ignored in a workspace that nobody trusts, and asked about when it is trusted', async () => {
    const { window } = await proposed(false);
    assert.deepEqual(await window.editor.definitions(), []);
    assert.equal(window.editor.statusBar, undefined);
    assert.equal(window.editor.window.messages.length, 0);
    window.editor.trust();
    (await window.editor.window.message(/wants to use/)).close();
    assert.deepEqual(await window.editor.definitions(), []);
  });

  it('waits in the status until it is answered', async () => {
    const { window } = await proposed();
    (await window.editor.window.message(/wants to use/)).close();
    const asked = window.run('showStatus', /\$\(question\) tickets/);
    (await window.editor.window.message(/wants to use/)).press('Allow');
    await asked;
    await window.offers('tickets');
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('cannot take the place of one in the user’s own settings', async () => {
    const issuer = await ground.issuer();
    const [mine, theirs] = [await ground.server(issuer), await ground.server(issuer)];
    const { window } = ground.window({ user: serversSetting([mine]), workspace: serversSetting([theirs]) });
    await window.signIn();
    await (await window.connect('tickets')).call('whoami');
    assert.deepEqual(theirs.requests, []);
    assert.match(window.log(/own settings/) ?? '', /entry "tickets": your own settings have it too, and win/);
  });

  it('shares its turn with others: one question at a time', async () => {
    const issuer = await ground.issuer();
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => ground.server(issuer, { name })));
    const { window } = ground.window({ workspace: serversSetting(servers) });
    for (const name of ['a', 'b', 'c']) {
      const question = await window.editor.window.message(/wants to use/);
      assert.ok(question.text.includes(`“${name}”`), question.text);
      const open = window.editor.window.messages.filter(({ isOpen }) => isOpen);
      assert.equal(open.length, 1, 'Two questions at once.');
      question.press('Allow');
    }
    await window.offers('c');
    assert.equal((await window.editor.definitions()).length, 3);
  });
});

describe('a mistake in the settings', () => {
  const ground = useGround();

  it('disables its own entry alone, and says precisely what is wrong', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({
      user: {
        'mcpCredentials.servers': {
          wiki: { type: 'http', url: 'http://wiki.example.com/mcp' },
          mail: { type: 'https', url: 'https://mail.example.com/mcp' },
          ...serversSetting([server])['mcpCredentials.servers'],
        },
      },
    });
    await window.signIn();
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.match(window.log(/"wiki"/) ?? '', /"url": "http:\/\/wiki\.example\.com\/mcp" is not encrypted/);
    assert.match(window.log(/"mail"/) ?? '', /"type" must be "http", not "https"/);

    await window.run('showStatus', /\$\(error\) wiki/);
    assert.deepEqual(window.editor.executed, ['workbench.action.openSettings']);
    assert.equal((await window.editor.definitions()).length, 1);
  });

  it('is over as soon as it is corrected, without a reload', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({
      user: { 'mcpCredentials.servers': { tickets: { url: server.url } } },
    });
    await window.ready;
    assert.deepEqual(await window.editor.definitions(), []);
    window.editor.settings.set('user', 'mcpCredentials.servers', {
      tickets: { type: 'http', url: server.url },
    });
    await window.signIn();
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
  });
});
