import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { FormBrowser } from '../support/form-browser.js';
import { googleClient } from '../support/google/google-clients.js';
import { startGoogle, type TestGoogle } from '../support/google/google-server.js';
import { alice, bob, carol } from '../support/google/google-users.js';
import {
  authorize,
  type AuthorizationParameters,
  libraryClient,
  signIn,
} from '../support/google/library-client.js';
import type { TestUser } from '../support/test-users.js';

const scope = (name: string) => `https://www.googleapis.com/auth/${name}`;
const gmail = scope('gmail.readonly');
const drive = scope('drive.readonly');
const dayMs = 86_400_000;

const browserOf = ({ email, password }: TestUser, unticks?: RegExp) =>
  new FormBrowser({ username: email, password, decision: 'allow', ...(unticks && { unticks }) });

describe('the stand-in for Google', () => {
  const desktop = googleClient();
  const testing = googleClient({ status: 'testing' });
  const internal = googleClient({ internalTo: 'example.com' });
  const web = googleClient({ kind: 'web', redirectUris: ['http://127.0.0.1:8765/callback'] });
  const tv = googleClient({ kind: 'tv' });
  let google: TestGoogle;

  beforeEach(async () => {
    google = await startGoogle({ clients: [desktop, testing, internal, web, tv] });
  });
  afterEach(() => google.close());

  /** A request to the token endpoint. */
  async function token(
    parameters: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> {
    const body = new URLSearchParams(parameters);
    const answer = await fetch(google.addresses.token, { method: 'POST', body, headers });
    return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
  }

  const refresh = (refreshToken: string | null | undefined, client = desktop) =>
    token({
      grant_type: 'refresh_token',
      refresh_token: refreshToken ?? '',
      client_id: client.id,
      client_secret: client.secret,
    });

  const dead = {
    status: 400,
    error: 'invalid_grant',
    error_description: 'Token has been expired or revoked.',
  };

  const tokensOf = (
    user: TestUser,
    scopes: readonly string[] = ['openid', 'email', gmail],
    parameters: AuthorizationParameters = {},
    client = desktop,
  ) => signIn(libraryClient(google, client), browserOf(user), scopes, parameters);

  describe('discovery', () => {
    it('is that of OpenID Connect alone, and names neither registration nor iss', async () => {
      const at = (path: string) => fetch(`${google.issuer}/.well-known/${path}`);
      const metadata = (await (await at('openid-configuration')).json()) as Record<string, unknown>;
      assert.equal(metadata['issuer'], google.issuer);
      assert.equal(metadata['token_endpoint'], google.addresses.token);
      assert.ok(!('registration_endpoint' in metadata));
      assert.ok(!('authorization_response_iss_parameter_supported' in metadata));
      assert.equal((await at('oauth-authorization-server')).status, 404);
      assert.equal((await fetch(`${google.issuer}/register`, { method: 'POST' })).status, 404);
    });
  });

  describe('sign-in', () => {
    it('says who it is and what was granted, all in full', async () => {
      const client = libraryClient(google, desktop);
      const tokens = await signIn(client, browserOf(alice), ['email', gmail]);
      assert.match(tokens.access_token ?? '', /^ya29\./);
      assert.match(tokens.refresh_token ?? '', /^1\/\//);
      assert.deepEqual(
        new Set(tokens.scope?.split(' ')),
        new Set([gmail, scope('userinfo.email'), 'openid']),
      );
      const idToken = tokens.id_token ?? '';
      const ticket = await client.verifyIdToken({ idToken, audience: desktop.id });
      const claims = ticket.getPayload();
      assert.deepEqual([claims?.sub, claims?.email, claims?.hd], [alice.subject, alice.email, 'example.com']);
      const nowSeconds = Date.now() / 1000;
      assert.ok(Math.abs((tokens.expiry_date ?? 0) / 1000 - nowSeconds - 3599) < 20);
    });

    it('names itself in the redirect, which it does not announce', async () => {
      const { visit } = await authorize(libraryClient(google, desktop), browserOf(alice), [gmail]);
      const { searchParams } = new URL(visit.finalUrl);
      assert.equal(searchParams.get('iss'), google.issuer);
      assert.equal(searchParams.get('state'), 'a-state');
      assert.match(searchParams.get('code') ?? '', /^4\//);
    });

    it('wants offline_access from nobody', async () => {
      const { visit } = await authorize(libraryClient(google, desktop), browserOf(alice), [
        gmail,
        'offline_access',
      ]);
      assert.equal(visit.status, 400);
      assert.match(visit.text, /Error 400: invalid_scope/);
      assert.match(visit.text, /invalid=\[offline_access\]/);
    });

    it('takes desktop clients back anywhere on loopback, and web clients only where they said', async () => {
      const open = async (client: typeof desktop, redirectUri: string) => {
        const { visit } = await authorize(libraryClient(google, client), browserOf(alice), [gmail], {
          redirect_uri: redirectUri,
        });
        return /Error 400: redirect_uri_mismatch/.test(visit.text)
          ? 'refused'
          : new URL(visit.finalUrl).pathname;
      };
      assert.equal(await open(desktop, 'http://127.0.0.1:1/any'), '/any');
      assert.equal(await open(desktop, 'http://[::1]:1/any'), '/any');
      assert.equal(await open(desktop, 'https://example.com/callback'), 'refused');
      assert.equal(await open(web, 'http://127.0.0.1:8765/callback'), '/callback');
      assert.equal(await open(web, 'http://127.0.0.1:8766/callback'), 'refused');
      assert.equal(await open(tv, 'http://127.0.0.1:1/any'), 'refused');
    });

    it('gives a refresh token at the first consent to offline access, and then only when asked to ask again', async () => {
      const client = libraryClient(google, desktop);
      const browser = browserOf(alice);
      const given = async (parameters: AuthorizationParameters, scopes = [gmail]) => {
        const tokens = await signIn(client, browser, scopes, parameters);
        return tokens.refresh_token != null;
      };
      assert.equal(await given({ access_type: 'online' }), false);
      assert.equal(await given({}), false, 'nobody was asked');
      assert.equal(await given({ prompt: 'consent' }), true);
      assert.equal(await given({}), false);
      assert.equal(await given({}, [drive]), true, 'somebody was asked for more');
      assert.equal(await given({ prompt: 'consent', access_type: 'online' }), false);
    });

    it('lets people refuse one thing and grant another, and says what was granted', async () => {
      const client = libraryClient(google, desktop);
      const browser = browserOf(alice, /drive/);
      const tokens = await signIn(client, browser, ['openid', 'email', gmail, drive]);
      assert.ok(tokens.scope?.includes(gmail));
      assert.ok(!tokens.scope?.includes(drive));
      browser.user = { ...browser.user, unticks: /none/ };
      const more = await signIn(client, browser, ['openid', 'email', gmail, drive]);
      assert.ok(more.scope?.includes(drive), 'what was refused is asked again');
      const { visit } = await authorize(client, browserOf(bob), [gmail]);
      assert.ok(!visit.pages.some((page) => page.includes('checkbox')), 'one thing alone has no box');
    });

    it('grants what is asked for, not all that ever was', async () => {
      const browser = browserOf(alice);
      const client = libraryClient(google, desktop);
      await signIn(client, browser, [gmail]);
      assert.equal((await signIn(client, browser, [drive])).scope, drive);
    });

    it('takes the hinted account, and lets one choose where there are several', async () => {
      const client = libraryClient(google, desktop);
      const browser = browserOf(alice);
      const who = async (parameters: AuthorizationParameters) =>
        decodeJwt((await signIn(client, browser, ['openid', 'email'], parameters)).id_token ?? '')['email'];
      assert.equal(await who({}), alice.email);
      browser.user = { ...browser.user, username: bob.email, password: bob.password };
      assert.equal(await who({ login_hint: bob.email }), bob.email);
      assert.equal(google.counts().signIns, 2);
      assert.equal(await who({ login_hint: alice.email }), alice.email);
      assert.equal(await who({}), bob.email, 'chosen on the page');
      assert.equal(await who({ prompt: 'select_account', login_hint: alice.email }), bob.email);
      assert.equal(google.counts().signIns, 2, 'and nobody had to type a password again');
    });

    it('offers only the accounts of the domain that is asked for', async () => {
      const client = libraryClient(google, desktop);
      const browser = browserOf(carol);
      await signIn(client, browser, ['openid']);
      browser.user = { ...browser.user, username: alice.email, password: alice.password };
      await signIn(client, browser, ['openid'], { login_hint: alice.email });
      const { visit } = await authorize(client, browser, ['openid'], {
        prompt: 'select_account',
        hd: 'example.com',
      });
      const chooser = visit.pages.find((page) => page.includes('Choose an account')) ?? '';
      assert.ok(chooser.includes(alice.email) && !chooser.includes(carol.email));
    });

    it('refuses silence where somebody has to be asked', async () => {
      const { visit } = await authorize(libraryClient(google, desktop), browserOf(alice), [gmail], {
        prompt: 'none',
      });
      assert.equal(new URL(visit.finalUrl).searchParams.get('error'), 'login_required');
    });

    it('shows strangers of an internal app, and those whose admin forbids it, a page and redirects nobody', async () => {
      const open = (user: TestUser, client: typeof desktop) =>
        authorize(libraryClient(google, client), browserOf(user), [gmail]);
      const stranger = await open(carol, internal);
      assert.equal(stranger.visit.status, 403);
      assert.match(stranger.visit.text, /Error 403: org_internal/);
      google.restrict(alice.subject, 'admin-policy');
      assert.match((await open(alice, desktop)).visit.text, /Error 400: admin_policy_enforced/);
    });

    it('redirects with access_denied when somebody refuses it all', async () => {
      const browser = new FormBrowser({
        username: alice.email,
        password: alice.password,
        decision: 'cancel',
      });
      const { visit } = await authorize(libraryClient(google, desktop), browser, [gmail, drive]);
      assert.equal(new URL(visit.finalUrl).searchParams.get('error'), 'access_denied');
    });
  });

  describe('the token endpoint', () => {
    it('wants the secret of every client, in the body or in the header', async () => {
      const { refresh_token: refreshToken } = await tokensOf(alice);
      const asked = { grant_type: 'refresh_token', refresh_token: refreshToken ?? '', client_id: desktop.id };
      assert.deepEqual(await token(asked), {
        status: 400,
        error: 'invalid_request',
        error_description: 'client_secret is missing.',
      });
      assert.equal((await token({ ...asked, client_secret: 'wrong' }))['status'], 401);
      assert.deepEqual(await token({ ...asked, client_id: 'unknown' }), {
        status: 401,
        error: 'invalid_client',
        error_description: 'The OAuth client was not found.',
      });
      const basic = Buffer.from(`${desktop.id}:${desktop.secret}`).toString('base64');
      const { status } = await token(asked, { authorization: `Basic ${basic}` });
      assert.equal(status, 200);
    });

    it('checks the code, its verifier and where it was sent', async () => {
      const client = libraryClient(google, desktop);
      const redeem = async (change: Record<string, string>) => {
        const { visit, verifier, redirectUri } = await authorize(client, browserOf(alice), [gmail]);
        const answer = await token({
          grant_type: 'authorization_code',
          client_id: desktop.id,
          client_secret: desktop.secret,
          code: new URL(visit.finalUrl).searchParams.get('code') ?? '',
          redirect_uri: redirectUri,
          code_verifier: verifier,
          ...change,
        });
        return answer['status'] === 200
          ? 'granted'
          : `${String(answer['error'])}: ${String(answer['error_description'])}`;
      };
      assert.equal(await redeem({}), 'granted');
      assert.equal(await redeem({ code: 'x' }), 'invalid_grant: Malformed auth code.');
      assert.equal(await redeem({ code_verifier: 'x'.repeat(43) }), 'invalid_grant: Invalid code verifier.');
      assert.equal(
        await redeem({ redirect_uri: 'http://127.0.0.1:1/' }),
        'redirect_uri_mismatch: Bad Request',
      );
    });

    it('renews without another refresh token, and says again who it is', async () => {
      const tokens = await tokensOf(alice);
      const renewed = await refresh(tokens.refresh_token);
      assert.equal(renewed['status'], 200);
      assert.ok(!('refresh_token' in renewed));
      assert.equal(renewed['expires_in'], 3599);
      assert.equal(decodeJwt(String(renewed['id_token']))['email'], alice.email);
      assert.deepEqual(new Set(String(renewed['scope']).split(' ')), new Set(tokens.scope?.split(' ')));
      assert.equal((await refresh(tokens.refresh_token))['status'], 200, 'as often as one likes');
    });

    it('knows a refresh token only of the client it was given to', async () => {
      const { refresh_token: refreshToken } = await tokensOf(alice);
      const { status, error } = await refresh(refreshToken, testing);
      assert.deepEqual([status, error], [401, 'unauthorized_client']);
      assert.deepEqual(await refresh('something'), { ...dead, error_description: 'Bad Request' });
    });

    it('says what kind of grant it does not know', async () => {
      const asked = { grant_type: 'password', client_id: desktop.id, client_secret: desktop.secret };
      assert.equal((await token(asked))['error_description'], 'Invalid grant_type: password');
    });
  });

  describe('the death of a refresh token', () => {
    it('comes after seven days in Testing, which is announced', async () => {
      const tokens = await tokensOf(alice, [gmail], {}, testing);
      const left = (tokens as { refresh_token_expires_in?: number }).refresh_token_expires_in;
      assert.equal(left, 604_799);
      google.advanceClock(6 * dayMs);
      const renewed = await refresh(tokens.refresh_token, testing);
      assert.ok(Number(renewed['refresh_token_expires_in']) <= 86_400);
      google.advanceClock(dayMs);
      assert.deepEqual(await refresh(tokens.refresh_token, testing), dead);
    });

    it('does not come in Testing for whoever has only signed in', async () => {
      const tokens = await tokensOf(alice, ['openid', 'email'], {}, testing);
      assert.ok(!('refresh_token_expires_in' in tokens));
      google.advanceClock(30 * dayMs);
      assert.equal((await refresh(tokens.refresh_token, testing))['status'], 200);
    });

    it('comes after six months without use', async () => {
      const { refresh_token: refreshToken } = await tokensOf(alice);
      google.advanceClock(150 * dayMs);
      assert.equal((await refresh(refreshToken))['status'], 200);
      google.advanceClock(184 * dayMs);
      assert.deepEqual(await refresh(refreshToken), dead);
    });

    it('comes to the oldest when there are too many, and nobody says so', async () => {
      google.setRefreshTokenLimit(2);
      const browser = browserOf(alice);
      const client = libraryClient(google, desktop);
      const all = [];
      for (let i = 0; i < 3; i++) {
        all.push((await signIn(client, browser, [gmail], { prompt: 'consent' })).refresh_token);
      }
      const [bobs] = [(await tokensOf(bob)).refresh_token];
      const statuses = await Promise.all([...all, bobs].map(async (each) => (await refresh(each))['status']));
      assert.deepEqual(statuses, [400, 200, 200, 200]);
    });

    it('comes with the withdrawal of consent, to every token of it', async () => {
      const tokens = await tokensOf(alice);
      await google.revokeAccess(alice.subject);
      assert.deepEqual(await refresh(tokens.refresh_token), dead);
      assert.equal(google.inspect(tokens.access_token ?? ''), undefined);
      assert.ok((await tokensOf(alice)).refresh_token, 'and the next sign-in is the first again');
    });

    it('is not yet what session control does, until the next login', async () => {
      const tokens = await tokensOf(alice);
      google.restrict(alice.subject, 'session-control');
      const { error, error_subtype: subtype } = await refresh(tokens.refresh_token);
      assert.deepEqual([error, subtype], ['invalid_grant', 'invalid_rapt']);
      await tokensOf(alice);
      assert.equal((await refresh(tokens.refresh_token))['status'], 200);
    });

    it('is told apart where an admin forbids the app', async () => {
      const tokens = await tokensOf(alice);
      google.restrict(alice.subject, 'admin-policy');
      assert.equal((await refresh(tokens.refresh_token))['error'], 'admin_policy_enforced');
    });
  });

  it('knows who has signed in with another program', async () => {
    const scopes = ['openid', scope('userinfo.email'), gmail];
    const { accessToken, refreshToken } = await google.signedInElsewhere(bob, desktop, scopes);
    assert.equal(google.inspect(accessToken)?.email, bob.email);
    const renewed = await refresh(refreshToken);
    assert.equal(decodeJwt(String(renewed['id_token']))['email'], bob.email);
  });

  describe('the other endpoints', () => {
    const userInfo = async (accessToken: string): Promise<Record<string, unknown>> => {
      const answer = await fetch(google.addresses.userInfo, {
        headers: { authorization: `Bearer ${accessToken}` },
      });
      return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
    };

    it('say who the bearer is, until the token ends', async () => {
      const { access_token: accessToken = '' } = await tokensOf(alice, ['openid', 'email', 'profile']);
      const said = await userInfo(accessToken ?? '');
      assert.deepEqual([said['sub'], said['email'], said['name']], [alice.subject, alice.email, 'Alice']);
      google.advanceClock(3_600_000);
      assert.deepEqual(await userInfo(accessToken ?? ''), {
        status: 401,
        error: 'invalid_request',
        error_description: 'Invalid Credentials',
      });
    });

    it('tell a token’s scopes and end', async () => {
      const client = libraryClient(google, desktop);
      const { access_token: accessToken } = await signIn(client, browserOf(alice), ['email', gmail]);
      const info = await client.getTokenInfo(accessToken ?? '');
      assert.ok(info.scopes.includes(gmail));
      assert.equal(info.aud, desktop.id);
      assert.equal(info.email, alice.email);
      await assert.rejects(client.getTokenInfo('ya29.nothing'), /invalid_token/);
    });

    it('revoke by either token, and refuse one that is none', async () => {
      const revoke = (text: string | null | undefined) =>
        fetch(google.addresses.revoke, { method: 'POST', body: new URLSearchParams({ token: text ?? '' }) });
      for (const name of ['access_token', 'refresh_token'] as const) {
        const tokens = await tokensOf(alice);
        const answer = await revoke(tokens[name]);
        assert.deepEqual([answer.status, await answer.json()], [200, {}]);
        assert.deepEqual(await refresh(tokens.refresh_token), dead);
        const again = await revoke(tokens[name]);
        assert.deepEqual(await again.json(), {
          error: 'invalid_token',
          error_description: 'Token expired or revoked',
        });
      }
    });
  });

  describe('devices', () => {
    const ask = async (clientId: string, scopes: string): Promise<Record<string, unknown>> => {
      const body = new URLSearchParams({ client_id: clientId, scope: scopes });
      const answer = await fetch(google.addresses.deviceCode, { method: 'POST', body });
      return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
    };

    it('are sent to verification_url, wait with 428, and get tokens', async () => {
      const asked = await ask(tv.id, 'email');
      assert.equal(asked['verification_url'], google.addresses.devicePage);
      assert.ok(!('verification_uri' in asked));
      assert.deepEqual([asked['expires_in'], asked['interval']], [1800, 5]);
      const poll = () =>
        token({
          grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
          device_code: String(asked['device_code']),
          client_id: tv.id,
          client_secret: tv.secret,
        });
      assert.deepEqual(await poll(), {
        status: 428,
        error: 'authorization_pending',
        error_description: 'Precondition Required',
      });
      const browser = browserOf(alice);
      browser.userCode = String(asked['user_code']);
      const visit = await browser.open(google.addresses.devicePage);
      assert.match(visit.text, /Success!/);
      assert.match(String((await poll())['refresh_token']), /^1\/\//);
    });

    it('may ask for little, and must be devices', async () => {
      assert.equal((await ask(tv.id, `email ${gmail}`))['error'], 'invalid_scope');
      assert.deepEqual(await ask(desktop.id, 'email'), {
        status: 401,
        error: 'invalid_client',
        error_description: 'Invalid client type.',
      });
    });
  });
});
