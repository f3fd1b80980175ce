import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';

const pastTheEndMs = 55_000;

describe('a server that was reached before', () => {
  const ground = useGround();

  for (const answers of ['json', 'sse'] as const) {
    it(`starts while its sign-in has ended, and its first call leads to the next one (${answers})`, async () => {
      const { issuer, server, window } = await ground.signedIn({ server: { answers } });
      await (await window.connect('tickets')).client.listTools();
      issuer.revokeGrants('alice');
      window.clock.leap(pastTheEndMs);

      const { client, call, transport } = await window.connect('tickets');
      const { tools } = await client.listTools();
      assert.ok(tools.some(({ name }) => name === 'whoami'));
      assert.equal(server.sessions.length, 1, 'The server has not heard of it.');
      (await window.editor.window.message(/waits for you to sign in again/)).close();
      const version = (await window.definition('tickets')).version;
      const calls = [call('whoami'), call('note', { text: 'x' })];
      (await window.editor.window.message(/waits for you to sign in again/)).press('Sign In');
      assert.deepEqual(await Promise.all(calls), ['alice@example.com (Alice)', 'x']);
      assert.equal(server.sessions.length, 2);
      assert.equal(server.sessions[1]?.calls[0]?.rpcMethod, 'initialize');
      assert.equal((await window.definition('tickets')).version, version, 'or the editor would end the call');
      await transport.terminateSession();
      assert.ok(server.requests.some(({ method, status }) => method === 'DELETE' && status === 200));
    });
  }

  it('starts so in another window, with what is kept in a file without a token', async () => {
    const { issuer, server, window } = await ground.signedIn();
    await (await window.connect('tickets')).client.listTools();
    const files = () => globSync(join(window.stores.folder, 'servers', '*.json'));
    await until(() => files().some((file) => readFileSync(file, 'utf8').includes('whoami')));
    const text = files()
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    for (const secret of issuer.issuedSecrets) assert.ok(!text.includes(secret));
    await window.close();
    issuer.revokeGrants('alice');

    const again = ground.again(window, server);
    await again.ready;
    again.clock.leap(pastTheEndMs);
    const { client, call } = await again.connect('tickets');
    assert.ok((await client.listTools()).tools.length > 3);
    // The start found out that the sign-in has died, which is news by itself.
    (await again.editor.window.message(/waits for you to sign in again/)).close();
    const failing = call('whoami');
    await again.editor.window.message(/waits for you to sign in again/);
    await again.waiting(1);
    again.clock.leap(121_000);
    assert.match(await failing, /^isError: .*Run “MCP Credentials: Sign In”/);
  });

  it('keeps the account that its session came to, and begins anew for another one', async () => {
    const { issuer, server, window, browser } = await ground.signedIn();
    await (await window.connect('tickets')).client.listTools();
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    const { call } = await window.connect('tickets');
    (await window.editor.window.message(/waits for you to sign in again/)).close();
    const first = call('whoami');
    (await window.editor.window.message(/waits for you to sign in again/)).press('Sign In');
    assert.equal(await first, 'alice@example.com (Alice)');
    const version = (await window.definition('tickets')).version;
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    assert.notEqual((await window.definition('tickets')).version, version);
    const seen = server.requests.length;
    await assert.rejects(call('whoami'), (error: { status?: number }) => error.status === 404);
    assert.equal(server.requests.length, seen, 'Nothing left with the other account’s token.');
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'bob@example.com (Bob)');
  });

  it('starts after a sign-out, too, and its first call leads to the sign-in', async () => {
    const { server, window } = await ground.signedIn();
    await (await window.connect('tickets')).client.listTools();
    const kept = () =>
      globSync(join(window.stores.folder, 'servers', '*.json'))
        .map((file) => readFileSync(file, 'utf8'))
        .join('');
    await until(() => kept().includes('whoami'));
    await window.run('signOut');
    (await window.editor.window.message(/Signed out alice/)).close();

    const sessions = server.sessions.length;
    const { client, call } = await window.connect('tickets');
    assert.ok((await client.listTools()).tools.some(({ name }) => name === 'whoami'));
    assert.equal(server.sessions.length, sessions, 'The server has not heard of it.');
    const { version } = await window.definition('tickets');
    const calls = [call('whoami'), call('note', { text: 'x' })];
    (await window.editor.window.message(/“tickets” needs you to sign in/)).press('Sign In');
    assert.deepEqual(await Promise.all(calls), ['alice@example.com (Alice)', 'x']);
    assert.equal((await window.definition('tickets')).version, version, 'or the editor would end the call');
  });

  it('is told nothing of another account’s when its own has never reached it', async () => {
    const { issuer, server, window, browser } = await ground.signedIn();
    await (await window.connect('tickets')).client.listTools();
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    issuer.revokeGrants('bob');
    window.clock.leap(pastTheEndMs);
    const seen = server.requests.length;
    await assert.rejects(window.connect('tickets'), /sign in/i);
    (await window.editor.window.message(/of bob@example\.com was ended/)).close();
    assert.equal(server.requests.length, seen);
  });

  it('leaves nothing behind where nothing is to be kept', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const user = { ...serversSetting([server]), 'mcpCredentials.storage.backend': 'memory' };
    const { window } = ground.window({ user });
    await window.signIn();
    await (await window.connect('tickets')).client.listTools();
    assert.equal(existsSync(join(window.stores.folder, 'servers')), false);
  });
});

describe('a server whose session is gone', () => {
  const ground = useGround();

  it('answers 404, and a new session of the same client works at once', async () => {
    const { server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    await server.endSessions();
    await assert.rejects(call('whoami'), (error: { status?: number }) => error.status === 404);
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
  });
});
