import assert from 'node:assert/strict';
import { Web } from '../../src/node/web.js';
import { authorizationServerWith } from '../support/changed-metadata.js';
import { failedSignIn, serversSetting, useGround } from '../support/ground.js';
import { listen } from '../support/listener.js';
import { outside, scriptedLookup } from '../support/other-world.js';
import type { ScriptedResource } from '../support/scripted-resource.js';

/** `[::1]` stands for the world outside, and 127.0.0.1 for the network behind the user's firewall. */
const world = outside('::1');

describe('a server that would lead the broker into a more private network than its own', () => {
  const ground = useGround();

  /** Something inside that must not be asked for anything. */
  async function victim(port?: number) {
    const listener = await listen('127.0.0.1', port);
    ground.atEnd(() => listener.close());
    const asked: string[] = [];
    listener.serve((req, res) => {
      asked.push(`${req.method ?? ''} ${req.url ?? ''}`);
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    return { asked, origin: listener.origin, port: listener.port };
  }

  async function refuses(
    resource: ScriptedResource,
    expected: RegExp,
    web: Web = new Web(undefined, world),
    auth: Record<string, unknown> = {},
  ) {
    const { window } = ground.window({ user: serversSetting([resource], auth), browse: undefined, web });
    await window.ready;
    const text = await failedSignIn(window, expected);
    assert.deepEqual(window.editor.opened, []);
    assert.deepEqual(window.stores.credentialKeys, []);
    assert.deepEqual(resource.authorized, []);
    return text;
  }

  const refused = /names the address .* more private network than its own, so it was not asked/;

  for (const address of ['https://169.254.169.254', 'https://10.0.0.5', 'https://[::ffff:192.168.1.1]']) {
    it(`is not followed to ${address} for its own metadata`, async () => {
      const resource = await ground.resource({ issuer: 'https://as.example.com' }, '::1');
      resource.challenge = `Bearer resource_metadata="${address}/latest/meta-data"`;
      const text = await refuses(resource, refused);
      assert.ok(text.startsWith(new URL(resource.url).origin), text);
      assert.ok(text.includes(new URL(address).origin), text);
      assert.match(text, /set it as "auth\.issuer" of “tickets”/);
    });

    it(`is not followed to ${address} as an authorization server`, async () => {
      await refuses(await ground.resource({ issuer: address }, '::1'), refused);
    });
  }

  it('is not followed to this computer, by address or by a name that means it', async () => {
    const inside = await victim();
    for (const origin of [inside.origin, `http://localhost:${inside.port}`]) {
      const web = new Web(scriptedLookup({ localhost: ['127.0.0.1'] }), world);
      const resource = await ground.resource({ issuer: origin }, '::1');
      await refuses(resource, refused, web);
      resource.challenge = `Bearer resource_metadata="${origin}/internal"`;
      await refuses(resource, refused, web);
    }
    assert.deepEqual(inside.asked, []);
  });

  it('is not followed to link-local addresses from this computer either, where tunnels end', async () => {
    const resource = await ground.resource({ issuer: 'https://169.254.169.254' });
    await refuses(resource, refused, new Web());
  });

  it('may be followed where the user says so: a company’s own place to sign in', async () => {
    const inside = await ground.issuer({ host: '127.0.0.1' });
    const resource = await ground.resource(inside, '::1');
    const { window } = ground.window({
      user: serversSetting([resource], { tickets: { auth: { issuer: inside.issuer } } }),
      web: new Web(undefined, world),
    });
    assert.match((await window.signIn()).text, /You are signed in/);
  });

  it('may not be, where the user has said so about another server that the same issuer is for', async () => {
    const inside = await ground.issuer({ host: '127.0.0.1' });
    const evil = await ground.resource(inside, '::1');
    const own = await ground.server(inside, { name: 'own' });
    const { window } = ground.window({
      user: serversSetting([evil, own], { own: { auth: { issuer: inside.issuer } } }),
      browse: undefined,
      web: new Web(undefined, world),
    });
    await window.ready;
    await failedSignIn(window, refused, /tickets/);
    assert.deepEqual(window.editor.opened, []);
    assert.equal(inside.counts().registrations, 0);
  });

  it('may not be, where a workspace says so and the user has only allowed it', async () => {
    const inside = await victim();
    const resource = await ground.resource({ issuer: inside.origin }, '::1');
    const { window } = ground.window({
      workspace: serversSetting([resource], { tickets: { auth: { issuer: inside.origin } } }),
      folder: 'file:///home/alice/project',
      browse: undefined,
      web: new Web(undefined, world),
    });
    await window.ready;
    (await window.editor.window.message(/wants to use the MCP server/)).press('Allow');
    await window.offers('tickets');
    await failedSignIn(window, refused);
    assert.deepEqual(inside.asked, []);
  });

  for (const endpoint of ['registration_endpoint', 'authorization_endpoint', 'token_endpoint']) {
    it(`is not followed by its authorization server’s ${endpoint}`, async () => {
      const inside = await victim();
      const issuer = await ground.issuer({
        extraRoutes: authorizationServerWith({ [endpoint]: `${inside.origin}/internal` }),
      });
      const resource = await ground.resource(issuer, '::1');
      const isLate = endpoint === 'token_endpoint';
      const { window } = ground.window({
        user: serversSetting([resource]),
        web: new Web(undefined, world),
        ...(!isLate && { browse: undefined }),
      });
      await window.ready;
      await failedSignIn(window, refused);
      assert.deepEqual([inside.asked, window.stores.credentialKeys], [[], []]);
    });
  }

  it('gains nothing by waiting for a restart: a renewal is led inside by nobody, and keeps what it has', async () => {
    const free = await listen('::1');
    const { port } = free;
    await free.close();
    const named = `http://localhost:${port}`;
    const extraRoutes = authorizationServerWith({
      issuer: named,
      scopes_supported: ['mcp:read', 'offline_access'],
    });
    const issuer = await ground.issuer({ host: '::1', port, extraRoutes });
    const inside = await victim(port);
    const resource = await ground.resource({ issuer: named }, '::1');
    const user = {
      ...serversSetting([resource]),
      'mcpCredentials.issuerQuirks': { [named]: { responseIssuer: issuer.issuer } },
    };
    const webWhere = (address: string) => new Web(scriptedLookup({ localhost: [address] }), world);
    const { window, browser } = ground.window({ user, web: webWhere('::1') });
    window.editor.browse = (url) => browser.open(url.replace(named, issuer.issuer));
    assert.match((await window.signIn()).text, /You are signed in/);
    const { stores } = window;
    await window.close();

    const { window: again } = ground.window({ stores, user, browse: undefined, web: webWhere('127.0.0.1') });
    await again.ready;
    again.clock.leap(70_000);
    const { url, headers } = await again.definition('tickets');
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami' } };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(call) });
    assert.match(await answer.text(), /does not answer/);
    assert.deepEqual([issuer.counts().refreshes, inside.asked], [0, []]);
    assert.equal(stores.credentialKeys.length, 1);
  });

  it('gains nothing by names whose address changes once they are trusted (DNS rebinding)', async () => {
    const issuer = await ground.issuer({ host: '::1', extraRoutes: authorizationServerWith({}) });
    const inside = await victim(issuer.port);
    const web = new Web(scriptedLookup({ localhost: ['::1', '127.0.0.1'] }), world);
    const resource = await ground.resource({ issuer: `http://localhost:${issuer.port}` }, '::1');
    await refuses(resource, refused, web);
    assert.deepEqual(inside.asked, []);
  });
});
