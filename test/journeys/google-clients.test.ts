import assert from 'node:assert/strict';
import type { ClientMetadata } from 'oidc-provider';
import { googleEndpoints } from '../../src/google/endpoints.js';
import { Stores } from '../support/broker-window.js';
import { addClient, downloaded } from '../support/google/client-download.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';
import { listen } from '../support/listener.js';

const idOf = (name: string) => `1234-${name}.apps.googleusercontent.com`;
const secretOf = (name: string) => `GOCSPX-of-${name}`;

const registered = (name: string, redirectUri = 'http://127.0.0.1/callback'): ClientMetadata => ({
  client_id: idOf(name),
  client_secret: secretOf(name),
  token_endpoint_auth_method: 'client_secret_post',
  application_type: redirectUri.includes(':', 6) ? 'web' : 'native',
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
});

const installed = (name: string, secret = secretOf(name)) =>
  JSON.stringify({ installed: { client_id: idOf(name), client_secret: secret } });
const web = (...redirectUris: readonly string[]) =>
  JSON.stringify({
    web: { client_id: idOf('web'), client_secret: secretOf('web'), redirect_uris: redirectUris },
  });

const fromFile = /Choose the Downloaded File/;
const forAll = /Everybody/;
const forSome = /Certain Addresses or Domains/;
const kept = /sign in with your Google client now/;

describe('an authorization server to which the user brings a client', () => {
  const ground = useGround();

  async function google(...clients: ClientMetadata[]) {
    // As Google, which knows no `offline_access`.
    const issuer = await ground.issuer({ clients, registration: false, freeRefreshTokens: true });
    const server = await ground.server(issuer);
    return {
      issuer,
      server,
      options: {
        google: { ...googleEndpoints, issuer: issuer.issuer, origins: [new URL(server.url).origin] },
      },
    };
  }

  it('refuses a sign-in without one, and goes on with it when its file was chosen', async () => {
    const { issuer, server, options } = await google(registered('ours'));
    const { window } = ground.window({ user: serversSetting([server]), ...options });
    await window.ready;

    const signIn = window.run('signIn');
    const refusal = await window.editor.window.message(/registers no clients by itself.*Add Google Client/);
    assert.deepEqual(window.editor.opened, []);
    window.editor.window.planPath(downloaded(installed('ours')));
    for (const pick of [fromFile, forAll]) window.editor.window.planPick(pick);
    refusal.press('Add Google Client…');
    (await window.editor.window.message(kept)).close();
    await signIn;

    assert.equal(issuer.counts().codesExchanged, 1);
    assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
    assert.ok(!window.remains.includes(secretOf('ours')), 'The secret is in the secret storage alone.');
  });

  it('takes a client by hand, and says what is wrong with an id', async () => {
    const { server, options } = await google(registered('ours'));
    const { window } = ground.window({ user: serversSetting([server]), ...options });
    await window.ready;

    const adding = window.run('addGoogleClient', /Enter Its ID and Secret/, forAll);
    const id = await window.editor.window.input(/Its client ID/);
    id.enter('1234');
    await window.editor.window.input(/Its client ID/);
    assert.match(id.validationMessage ?? '', /ends with “\.apps\.googleusercontent\.com”/);
    id.enter(` ${idOf('ours')} `);
    const secret = await window.editor.window.input(/client secret/);
    assert.equal(secret.password, true);
    secret.enter(` ${secretOf('ours')} `);
    (await window.editor.window.message(kept)).close();
    await adding;

    await window.signIn();
    assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
    assert.ok(!window.remains.includes(secretOf('ours')));
  });

  it('says what a wrong file is, and takes another', async () => {
    const { options } = await google();
    const { window } = ground.window({ ...options });
    await window.ready;
    window.editor.window.planPath(downloaded('{"type":"service_account","private_key":"k"}'));
    const adding = window.run('addGoogleClient', fromFile, forAll);
    const told = await window.editor.window.message(/the key of a service account.*Download JSON/);
    window.editor.window.planPath(downloaded(installed('ours')));
    told.press('Choose Another File…');
    (await window.editor.window.message(kept)).close();
    await adding;
  });

  it('takes the client whose rule names the person, and refuses where none does', async () => {
    const { issuer, server, options } = await google(registered('alice'), registered('company'));
    const stores = new Stores();
    const auth = (account: string) => serversSetting([server], { tickets: { auth: { account } } });
    const { window } = ground.window({ user: auth('alice@example.com'), stores, ...options });
    await window.ready;
    for (const [name, who] of [
      ['alice', 'Alice@Example.com'],
      ['company', '@example.org'],
    ] as const)
      await addClient(window, installed(name), who);

    await window.signIn();
    const clientOf = (url = '') => new URL(url).searchParams.get('client_id');
    assert.equal(clientOf(window.editor.opened.at(-1)), idOf('alice'));
    await window.close();

    const other = ground.window({ user: auth('bob@example.com'), stores, ...options }, userOf('bob')).window;
    await other.ready;
    const refused = other.run('signIn');
    (await other.editor.window.message(/None of your Google clients is for bob@example\.com/)).close();
    await refused;
    assert.deepEqual(other.editor.opened, []);
    assert.equal(issuer.counts().signIns, 1);
  });

  it('is not forgotten because the issuer has refused it once', async () => {
    const { server, options } = await google(registered('ours'));
    const { window } = ground.window({ user: serversSetting([server]), ...options });
    await window.ready;
    await addClient(window, installed('ours', 'GOCSPX-another'));
    const before = window.stores.secretNames('client:');
    const signIn = window.run('signIn');
    (await window.editor.window.message(/client/)).close();
    await signIn;
    assert.equal(before.length, 1);
    assert.deepEqual(window.stores.secretNames('client:'), before);
  });

  it('is changed and removed in the same menu', async () => {
    const { options } = await google();
    const { window } = ground.window({ ...options });
    await window.ready;
    await addClient(window, installed('ours'));

    const changing = window.run('addGoogleClient', /1234-ours/, /Change Who/, forSome);
    (await window.editor.window.input(/E-mail addresses/)).enter('example.org');
    await changing;
    await window.run('addGoogleClient', /1234-ours/, /Remove It/);
    const menus = window.editor.window.picks.filter(({ title }) => title === 'Google client');
    assert.equal(
      menus.at(-1)?.items.find(({ label }) => label.includes('1234-ours'))?.description,
      '@example.org',
    );
    assert.deepEqual(window.stores.secretNames('client:'), []);
    assert.ok(!window.stores.globalState.text.includes('1234-ours'));
  });

  it('is sent back to the very address that a web client has', async () => {
    const redirect = 'http://localhost:33419/oauth2callback';
    const { server, options } = await google(registered('web', redirect));
    const { window } = ground.window({ user: serversSetting([server]), ...options });
    await window.ready;
    await addClient(window, web(redirect));
    await window.signIn();
    assert.equal(new URL(window.editor.opened.at(-1) ?? '').searchParams.get('redirect_uri'), redirect);
    assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
  });

  /** A web client with two addresses on this computer, whose ports are taken by another program. */
  async function webClient() {
    const taken = [await listen('127.0.0.1'), await listen('127.0.0.1')] as const;
    for (const one of taken) ground.atEnd(() => one.close());
    const redirects = taken.map(({ port }) => `http://localhost:${port}/oauth2callback`);
    const client = { ...registered('web', redirects[0]), redirect_uris: redirects };
    const { server, options } = await google(client);
    const { window } = ground.window({ user: serversSetting([server]), ...options });
    await window.ready;
    await addClient(window, web(...redirects));
    return { window, taken, redirects };
  }

  it('is sent back to another address of a web client while the port of the first is taken', async () => {
    const { window, taken, redirects } = await webClient();
    await taken[1].close();
    await window.signIn();
    assert.equal(new URL(window.editor.opened.at(-1) ?? '').searchParams.get('redirect_uri'), redirects[1]);
    assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
  });

  it('says of a web client whose ports are all taken that no setting helps, and what does', async () => {
    const { window, redirects } = await webClient();
    const signIn = window.run('signIn');
    const told = await window.editor.window.message(
      /add a redirect URI with another port.*Add Google Client…/,
    );
    for (const redirect of redirects) assert.ok(told.text.includes(new URL(redirect).port));
    assert.doesNotMatch(told.text, /mcpCredentials\.redirect\.port/);
    told.close();
    await signIn;
    assert.deepEqual(window.editor.opened, []);
  });

  it('says which address a web client without one needs', async () => {
    const { options } = await google();
    const { window } = ground.window({ ...options });
    await window.ready;
    window.editor.window.planPath(downloaded(web('https://app.example.com/')));
    const adding = window.run('addGoogleClient', fromFile, forAll);
    // The editor's own sign-ins come back to 33418.
    const told = /add the redirect URI http:\/\/127\.0\.0\.1:27418\/callback to it/;
    (await window.editor.window.message(told)).press('Copy Address');
    const again = await window.editor.window.message(told);
    assert.equal(window.editor.clipboard, 'http://127.0.0.1:27418/callback');
    again.press('I Have Added It');
    (await window.editor.window.message(kept)).close();
    await adding;
  });
});
