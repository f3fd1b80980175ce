import assert from 'node:assert/strict';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import type { ClientMetadata } from 'oidc-provider';
import type { TestAuthorizationServer } from '../support/authorization-server.js';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';

const secret = 'the-secret-of-our-service';

const service: ClientMetadata = {
  client_id: 'our-service',
  client_secret: secret,
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};

describe('a server that the client calls for itself', () => {
  const ground = useGround();

  async function window(client: ClientMetadata, auth: Record<string, unknown> = {}) {
    const issuer = await ground.issuer({ clients: [client], registration: false });
    const server = await ground.server(issuer);
    const entry = { clientId: 'our-service', grant: { type: 'client_credentials' }, ...auth };
    const user = serversSetting([server], { tickets: { auth: entry } });
    return { issuer, server, user, ...ground.window({ user, browse: undefined }) };
  }

  it('needs its secret once and no browser, and is granted anew when the token ends', async () => {
    const { issuer, server, user, window: mine } = await window(service);
    await mine.ready;
    const signIn = mine.run('signIn');
    (await mine.editor.window.input(/The client secret of “our-service”/)).enter(secret);
    await signIn;
    assert.match(mine.editor.statusBar?.text ?? '', /^\$\(key\) our-service/);

    const { call } = await mine.connect('tickets');
    await call('whoami');
    mine.clock.leap(70_000);
    await call('whoami');
    const granted = issuer.events.filter(({ kind }) => kind === 'client-granted');
    assert.deepEqual(
      granted.map(({ resource, scope }) => [resource, scope]),
      Array<string[]>(2).fill([server.url, 'mcp:read']),
    );
    assert.ok(!mine.remains.includes(secret));
    await mine.close();

    const again = ground.window({ stores: mine.stores, user, browse: undefined }).window;
    again.clock.leap(70_000);
    await (await again.connect('tickets')).call('whoami');
    assert.equal(again.editor.window.inputs.length, 0);
  });

  it('proves itself with a private key, pasted on one line', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const { client_secret: _, ...keyed } = service;
    const { window: mine } = await window(
      {
        ...keyed,
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...(await exportJWK(publicKey)), use: 'sig', alg: 'ES256' }] },
      },
      { clientAuthentication: 'private_key_jwt' },
    );
    await mine.ready;
    const signIn = mine.run('signIn');
    const pem = (await exportPKCS8(privateKey)).replaceAll('\n', ' ');
    (await mine.editor.window.input(/The private key of “our-service”/)).enter(pem);
    await signIn;
    await (await mine.connect('tickets')).call('whoami');
    assert.ok(!mine.remains.includes(pem.slice(40, 80)));
  });

  it('is said to be refused, once and for all, when the secret is wrong', async () => {
    const { issuer, window: mine } = await window(service);
    await mine.ready;
    const signIn = mine.run('signIn');
    (await mine.editor.window.input(/The client secret/)).enter('mistyped');
    (await mine.editor.window.message(/does not know the client/)).close();
    await signIn;
    assert.equal(issuer.events.filter(({ kind }) => kind === 'code-refused').length, 1);
  });

  describe('that has been used before', () => {
    const key = 'ours-for-good';
    const workload: ClientMetadata = { ...service, client_secret: key };

    /** Somebody has signed in once, so the secret is known. */
    async function used() {
      const opened = await window(workload);
      const { window: mine } = opened;
      await mine.ready;
      const signIn = mine.run('signIn');
      (await mine.editor.window.input(/The client secret/)).enter(key);
      await signIn;
      return opened;
    }

    const granted = (issuer: TestAuthorizationServer) =>
      issuer.events.filter(({ kind }) => kind === 'client-granted').length;

    it('needs no click for its first token in another place, however many calls ask for it', async () => {
      const { issuer, window: mine, user } = await used();
      await mine.close();
      for (const name of [...mine.stores.credentialKeys]) mine.stores.secrets.values.delete(name);
      mine.stores.loseJournal();
      for (const name of mine.stores.memento.keys())
        if (name.startsWith('credential:')) await mine.stores.memento.update(name, undefined);
      const { window: again } = ground.window({ stores: mine.stores, user, browse: undefined });
      const connections = await Promise.all([again.connect('tickets'), again.connect('tickets')]);
      for (const { call } of connections) await call('whoami');
      assert.equal(granted(issuer), 2);
      assert.deepEqual([again.editor.window.messages, again.editor.window.inputs], [[], []]);
    });

    it('stays signed out when the user has signed out', async () => {
      const { issuer, window: mine } = await used();
      await mine.run('signOut');
      (await mine.editor.window.message(/Signed out/)).close();
      await assert.rejects(mine.connect('tickets'), /Nobody is signed in/);
      (await mine.editor.window.message(/needs you to sign in/)).close();
      assert.equal(granted(issuer), 1);
    });

    for (const [where, options] of [
      ['the same workspace', {}],
      ['another workspace', { folder: 'file:///home/alice/other' }],
    ] as const)
      it(`stays signed out when the user has signed out in another window of ${where}`, async () => {
        const { issuer, window: mine, user } = await used();
        const { window: other } = ground.window({ stores: mine.stores, user, browse: undefined, ...options });
        const { call } = await other.connect('tickets');
        await call('whoami');
        await mine.run('signOut');
        (await mine.editor.window.message(/Signed out/)).close();
        await until(() => other.editor.statusBar?.text.includes('our-service') === false);
        const before = granted(issuer);
        const late = call('whoami').catch(() => undefined);
        (await other.editor.window.message(/needs you to sign in/)).close();
        assert.deepEqual([granted(issuer), other.stores.credentialKeys], [before, []]);
        await other.close();
        await late;
      });

    it('has nothing from a grant that the settings do not name any more', async () => {
      const { server, window: mine } = await used();
      await (await mine.connect('tickets')).call('whoami');
      mine.editor.settings.set('user', 'mcpCredentials.servers', {
        tickets: { type: 'http', url: server.url, auth: { clientId: 'our-service' } },
      });
      await until(() => mine.editor.statusBar?.text.includes('our-service') === false);
      const before = server.requests.length;
      const late = (await mine.connect('tickets')).call('whoami').catch(() => undefined);
      (await mine.editor.window.message(/needs you to sign in/)).close();
      assert.equal(server.requests.length, before);
      await mine.close();
      await late;
    });

    it('uses the grant that the settings name now, and not the one before', async () => {
      const { issuer, server, window: mine } = await used();
      const grant = { type: 'jwt_bearer', tokenFile: '/nowhere/token' };
      mine.editor.settings.set('user', 'mcpCredentials.servers', {
        tickets: {
          type: 'http',
          url: server.url,
          auth: { clientId: 'our-service', issuer: issuer.issuer, grant },
        },
      });
      await until(() => mine.editor.statusBar?.text.includes('our-service') === false);
      await assert.rejects(mine.connect('tickets'), /\/nowhere\/token/);
      assert.deepEqual(mine.editor.window.messages, []);
    });

    it('takes nobody else than the account of the settings', async () => {
      const { issuer, server, window: mine } = await used();
      const auth = {
        clientId: 'our-service',
        account: 'another-service',
        grant: { type: 'client_credentials' },
      };
      mine.editor.settings.set('user', 'mcpCredentials.servers', {
        tickets: { type: 'http', url: server.url, auth },
      });
      await until(() => mine.editor.statusBar?.text.includes('our-service') === false);
      await assert.rejects(mine.connect('tickets'), /another-service/);
      assert.equal(granted(issuer), 2);
    });
  });

  it('asks nobody by itself for a secret that is missing', async () => {
    const { issuer, window: mine } = await window(service);
    await assert.rejects(mine.connect('tickets'), /Nobody is signed in/);
    (await mine.editor.window.message(/needs you to sign in/)).close();
    assert.deepEqual([mine.editor.window.inputs, issuer.events], [[], []]);
  });

  it('says what is wrong when the first token cannot be had, and tries no more than five times a minute', async () => {
    const { issuer, window: mine, user } = await window(service);
    await mine.ready;
    const signIn = mine.run('signIn');
    (await mine.editor.window.input(/The client secret/)).enter(secret);
    issuer.failNext('/token', { status: 503 }, 9);
    (await mine.editor.window.message(/does not answer/)).close();
    await signIn;
    for (let n = 0; n < 5; n++) await assert.rejects(mine.connect('tickets'), /does not answer/);
    await assert.rejects(mine.connect('tickets'), /too (many|often)/i);
    assert.ok(user);
    assert.equal(mine.editor.window.messages.length, 1);
  });

  it('cannot be proposed by a workspace', async () => {
    const issuer = await ground.issuer({ clients: [service] });
    const server = await ground.server(issuer);
    const grant = { type: 'jwt_bearer', tokenFile: '/etc/passwd' };
    const auth = { issuer: issuer.issuer, clientId: 'our-service', grant };
    const { window: mine } = ground.window({
      workspace: serversSetting([server], { tickets: { auth } }),
      folder: 'file:///home/alice/project',
    });
    await mine.ready;
    assert.deepEqual(await mine.editor.definitions(), []);
    assert.ok(mine.log(/entry "tickets": has "auth\.grant", which can be in your own settings only/));
  });
});
