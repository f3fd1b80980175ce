import assert from 'node:assert/strict';
import { FormBrowser } from '../support/form-browser.js';
import { failedSignIn, serversSetting, useGround, userOf } from '../support/ground.js';
import { ping, rawRequest } from '../support/raw-request.js';
import { until } from '../support/broker-window.js';

describe('a token', () => {
  const ground = useGround();

  it('stays at home when the settings point its label at another URL', async () => {
    const { issuer, window } = await ground.signedIn();
    const thief = await ground.resource(issuer);
    window.editor.settings.set(
      'user',
      'mcpCredentials.servers',
      serversSetting([thief])['mcpCredentials.servers'],
    );
    await until(() => window.editor.provided.at(-1)?.includes('signed-out') === true);
    await assert.rejects(window.editor.resolve('tickets'), /Nobody is signed in/);
    await window.editor.window.message(/needs you to sign in/);
    const { url, headers } = await window.definition('tickets');
    const answer = rawRequest(url, { headers, body: ping });
    await window.waiting(1);
    window.clock.leap(121_000);
    assert.match((await answer).body, /sign_in_required/);
    assert.deepEqual(thief.authorized, []);
  });

  it('stays at home when a reload finds its label at another URL', async () => {
    const { issuer, window } = await ground.signedIn();
    await window.connect('tickets');
    await window.close();
    const thief = await ground.resource(issuer);
    const again = ground.again(window, thief);
    await assert.rejects(again.editor.resolve('tickets'), /Nobody is signed in/);
    await again.editor.window.message(/needs you to sign in/);
    assert.deepEqual(thief.authorized, []);
  });

  it('stays at home when a path beside its own is configured at the same origin', async () => {
    const { server, window } = await ground.signedIn();
    window.editor.settings.set('user', 'mcpCredentials.servers', {
      tickets: { type: 'http', url: server.url.replace(/\/mcp$/, '/mcp-of-somebody-else') },
    });
    await until(() => window.editor.provided.at(-1)?.includes('signed-out') === true);
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('stays at home when its label moves while the browser is open: that sign-in is given up', async () => {
    const issuer = await ground.issuer();
    const [home, thief] = [await ground.resource(issuer), await ground.resource(issuer)];
    const browser = new FormBrowser(userOf('alice'));
    const { window } = ground.window({
      user: serversSetting([home]),
      browse: (url) => {
        window.editor.settings.set(
          'user',
          'mcpCredentials.servers',
          serversSetting([thief])['mcpCredentials.servers'],
        );
        return browser.open(url);
      },
    });
    await window.ready;
    await window.run('signIn');
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
    const { url, headers } = await window.definition('tickets');
    const answer = rawRequest(url, { headers, body: ping });
    await window.editor.window.message(/needs you to sign in/);
    await window.waiting(1);
    window.clock.leap(121_000);
    assert.match((await answer).body, /sign_in_required/);
    assert.deepEqual([home.authorized, thief.authorized], [[], []]);
  });

  it('is not asked for at all when the metadata speaks for another resource', async () => {
    const issuer = await ground.issuer();
    const victim = await ground.server(issuer, { name: 'victim' });
    const thief = await ground.resource(issuer);
    thief.metadata = { resource: victim.url };
    const { window } = ground.window({ user: serversSetting([thief]), browse: undefined });
    await window.ready;
    const text = await failedSignIn(window, /publishes metadata for another resource/);
    assert.ok(text.includes(JSON.stringify(victim.url)), text);
    assert.deepEqual(issuer.events, []);
  });

  it('names its resource in the request and in the exchange', async () => {
    const { issuer, server, window } = await ground.signedIn();
    window.clock.leap(55_000);
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    const named = issuer.events.filter(({ kind }) =>
      ['authorization-requested', 'code-exchanged', 'refreshed'].includes(kind),
    );
    assert.deepEqual([...new Set(named.map(({ resource }) => resource))], [server.url]);
    await until(() => window.log(/Renewed/) !== undefined);
  });
});
