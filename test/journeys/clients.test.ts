import assert from 'node:assert/strict';
import type { ClientMetadata } from 'oidc-provider';
import { until } from '../support/broker-window.js';
import { publicClient, serversSetting, useGround } from '../support/ground.js';

const secret = 'the-secret-of-our-client';

const confidential: ClientMetadata = {
  ...publicClient('refresh_token'),
  token_endpoint_auth_method: 'client_secret_basic',
  client_secret: secret,
};

describe('a client that an administrator has registered', () => {
  const ground = useGround();

  it('is asked for, id and secret, where the authorization server registers none by itself', async () => {
    const issuer = await ground.issuer({ clients: [confidential], registration: false });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) });
    await window.ready;

    const signIn = window.run('signIn');
    const id = await window.editor.window.input(
      /Create a client there with the redirect URI .*enter its client ID/,
    );
    assert.equal(id.password, false);
    id.enter('');
    await until(() => /Type or paste it/.test(id.validationMessage ?? ''));
    id.enter(' ours ');
    const box = await window.editor.window.input(/Its client secret/);
    assert.equal(box.password, true);
    box.enter(secret);
    await signIn;

    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    window.clock.leap(55_000);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refreshes, 1);
    assert.ok(!window.remains.includes(secret));
  });

  it('stands in the settings without its secret, which is asked for in the sign-in', async () => {
    const issuer = await ground.issuer({ clients: [confidential], registration: false });
    const server = await ground.server(issuer);
    const auth = { clientId: 'ours', clientAuthentication: 'client_secret_basic' };
    const { window } = ground.window({ user: serversSetting([server], { tickets: { auth } }) });
    await window.ready;

    const signIn = window.run('signIn');
    (await window.editor.window.input(/The client secret of “ours” at \[::1\]/)).enter(secret);
    await signIn;
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.ok(!window.remains.includes(secret));
  });

  it('is not signed in with when the user presses Escape', async () => {
    const issuer = await ground.issuer({ registration: false });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) });
    await window.ready;

    const signIn = window.run('signIn');
    (await window.editor.window.input(/enter its client ID/)).hide();
    await signIn;
    assert.deepEqual([window.editor.opened, window.editor.window.messages], [[], []]);
  });
});

describe('a server with two authorization servers', () => {
  const ground = useGround();

  it('lets the user choose, in one menu', async () => {
    const [first, second] = [await ground.issuer(), await ground.issuer()];
    const resource = await ground.resource(first);
    resource.metadata = { authorization_servers: [first.issuer, second.issuer] };
    const { window } = ground.window({ user: serversSetting([resource]) });
    const { host } = new URL(second.issuer);

    await window.signIn(new RegExp(host.replaceAll(/[[\]]/g, '\\$&')));
    assert.deepEqual([first.counts().signIns, second.counts().signIns], [0, 1]);
    assert.equal(window.editor.window.picks.at(-1)?.items.length, 2);
  });
});
