import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';

describe('a token that is delivered in a header', () => {
  const ground = useGround();

  async function signedIn(seconds = 3_600) {
    const issuer = await ground.issuer({ accessTokenSeconds: seconds });
    const server = await ground.server(issuer);
    const opened = ground.window({ user: serversSetting([server], { tickets: { delivery: 'header' } }) });
    await opened.window.signIn();
    return { issuer, server, ...opened };
  }

  it('is put in when the editor connects, and is in nothing that is provided', async () => {
    const { issuer, server, window } = await signedIn();
    const resolved = await window.editor.resolve('tickets');
    assert.equal(resolved.uri.text, server.url);
    const [scheme, token = ''] = (resolved.headers['Authorization'] ?? '').split(' ');
    assert.equal(scheme, 'Bearer');
    assert.ok([...issuer.issuedSecrets].includes(token));
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');

    const [first, second] = [await window.editor.definitions(), await window.editor.definitions()];
    assert.notEqual(first[0], second[0]);
    assert.deepEqual(second[0]?.headers, {});
    assert.equal(second[0].uri.text, server.url);
    for (const secret of issuer.issuedSecrets) {
      for (const provided of window.editor.provided) assert.ok(!provided.includes(secret));
    }
  });

  it('makes the editor connect anew before it ends, and not before that', async () => {
    const { issuer, window } = await signedIn();
    await window.editor.resolve('tickets');
    const { version: before } = await window.definition('tickets');
    const changes = window.editor.definitionChanges;
    window.clock.leap(50 * 60_000);
    await until(() => issuer.counts().refreshes === 1);
    assert.equal((await window.definition('tickets')).version, before, 'Renewed is not outdated.');
    assert.equal(window.editor.definitionChanges, changes);
    window.clock.leap(9 * 60_000);
    await until(() => window.editor.definitionChanges === changes + 1);
    const after = await window.definition('tickets');
    assert.notEqual(after.version, before);
    assert.deepEqual(after.headers, {});
    const resolved = await window.editor.resolve('tickets');
    assert.equal(resolved.version, after.version);
    assert.equal(issuer.counts().refreshes, 1, 'The token that is at hand is used.');
  });

  it('leaves a connection alone in its first half minute, however short the token lives', async () => {
    const { window } = await signedIn(20);
    await window.editor.resolve('tickets');
    const changes = window.editor.definitionChanges;
    window.clock.leap(25_000);
    await window.editor.definitions();
    assert.equal(window.editor.definitionChanges, changes);
    window.clock.leap(6_000);
    await until(() => window.editor.definitionChanges === changes + 1);
  });

  it('is not looked after when nobody has connected', async () => {
    const { window } = await signedIn();
    const changes = window.editor.definitionChanges;
    window.clock.leap(120 * 60_000);
    await until(() => window.clock.pending.every((ms) => ms > 0));
    await window.editor.definitions();
    assert.equal(window.editor.definitionChanges, changes);
  });

  it('has nothing restarted when it ends after the server has come behind the proxy', async () => {
    const { server, window } = await signedIn();
    await window.editor.resolve('tickets');
    const delivered = window.editor.definitionChanges;
    window.editor.settings.set('user', 'mcpCredentials.servers', {
      tickets: { type: 'http', url: server.url },
    });
    await until(() => window.editor.definitionChanges > delivered);
    const { version } = await window.definition('tickets');
    const changes = window.editor.definitionChanges;
    window.clock.leap(120 * 60_000);
    await until(() => window.clock.pending.every((ms) => ms > 0));
    await window.editor.definitions();
    assert.equal((await window.definition('tickets')).version, version);
    assert.equal(window.editor.definitionChanges, changes);
  });

  it('goes to no other address, and to no other account’s connection', async () => {
    const { server, window, browser } = await signedIn();
    browser.user = userOf('bob');
    const before = await window.definition('tickets');
    await window.signIn(/Another Account/);
    const after = await window.definition('tickets');
    assert.notEqual(before.version, after.version);
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'bob@example.com (Bob)');
    window.editor.settings.set('user', 'mcpCredentials.servers', {
      tickets: { type: 'http', url: `${server.url}x`, delivery: 'header' },
    });
    await assert.rejects(window.editor.resolve('tickets'), /Nobody is signed in/);
    (await window.editor.window.message(/needs you to sign in/)).close();
  });

  /** Signed in for a server whose address ends with `path`. */
  async function signedInAt(path: string) {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const entry = { type: 'http', url: resource.url + path, delivery: 'header' };
    const { window } = ground.window({ user: { 'mcpCredentials.servers': { tickets: entry } } });
    await window.signIn();
    return { resource, window };
  }

  for (const [configured, asked] of [
    ['/group%2Fname', '/group/name'],
    ['/group?filter=a%26b%3D1', '/group?filter=a&b=1'],
  ] as const) {
    it(`goes nowhere when the editor would ask ${asked} in the place of ${configured}`, async () => {
      const { resource, window } = await signedInAt(configured);
      await assert.rejects(window.editor.resolve('tickets'), (error: Error) => {
        const [place = ''] = asked.split('?');
        assert.ok(error.message.includes(` to ${resource.url}${place}, `), error.message);
        return /Take "delivery" out of its entry/.test(error.message);
      });
    });
  }

  for (const path of [
    '/t%C3%A9am%20a?q=a+b%23c',
    '/%c3%bcber/%7Ebob/%40scope/a%3Ab%7Cc',
    '/tools?features=database%2Cdocs&k=abc%3D%3D&a%5B%5D=1',
    '/tools?',
  ]) {
    it(`reaches ${path}, which the editor only writes in another way`, async () => {
      const { window } = await signedInAt(path);
      const { headers } = await window.editor.resolve('tickets');
      assert.match(headers['Authorization'] ?? '', /^Bearer ./);
    });
  }

  it('cannot be one that is bound to a key: that needs a proof with each request', async () => {
    const issuer = await ground.issuer({ bindsTokens: true });
    const resource = await ground.resource(issuer);
    resource.metadata = { dpop_bound_access_tokens_required: true };
    const { window } = ground.window({
      user: serversSetting([resource], { tickets: { delivery: 'header' } }),
    });
    await window.signIn();
    await assert.rejects(window.editor.resolve('tickets'), /Take "delivery" out of its entry/);
  });
});
