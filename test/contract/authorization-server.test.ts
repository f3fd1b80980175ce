import assert from 'node:assert/strict';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { AuthorizationResponseError, ResponseBodyError } from 'oauth4webapi';
import { startAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.js';
import { type BrowserUser, FormBrowser } from '../support/form-browser.js';
import { discover, OAuthClient } from '../support/oauth-client.js';

const resource = 'http://127.0.0.1:1234/mcp';

function userAt(username: string, decision: BrowserUser['decision'] = 'allow'): FormBrowser {
  return new FormBrowser({ username, password: username, decision });
}

const isRefused = (error: string) => (thrown: unknown) =>
  thrown instanceof ResponseBodyError && thrown.error === error;

describe('the test authorization server', () => {
  let server: TestAuthorizationServer;
  let client: OAuthClient;

  beforeEach(async () => {
    server = await startAuthorizationServer();
    client = await OAuthClient.register(server.issuer);
  });

  afterEach(() => server.close());

  describe('discovery and registration', () => {
    for (const algorithm of ['oauth2', 'oidc'] as const) {
      it(`publishes ${algorithm} metadata that names what a careful client looks for`, async () => {
        const metadata = await discover(server.issuer, algorithm);
        assert.equal(metadata.issuer, server.issuer);
        assert.equal(metadata.token_endpoint, server.tokenEndpoint);
        assert.deepEqual(metadata.code_challenge_methods_supported, ['S256']);
        assert.equal(metadata.authorization_response_iss_parameter_supported, true);
        assert.deepEqual(metadata['prompt_values_supported'], ['none', 'login', 'consent', 'select_account']);
        assert.ok(metadata.registration_endpoint);
        assert.ok(metadata.revocation_endpoint);
      });
    }

    it('registers a public native client, which can read and delete its registration', async () => {
      const { registration_client_uri: uri, registration_access_token: token } =
        client.registration as Record<string, string>;
      const manage = (method: string) =>
        fetch(uri ?? '', { method, headers: { authorization: `Bearer ${token ?? ''}` } });
      const answer = (await (await manage('GET')).json()) as { client_id: string };
      assert.equal(answer.client_id, client.registration.client_id);
      assert.equal((await manage('DELETE')).status, 204);
      await assert.rejects(client.refresh('any'), isRefused('invalid_client'));
    });

    it('has no registration endpoint when registration is off, and knows the clients it was given', async () => {
      const closed = await startAuthorizationServer({
        registration: false,
        clients: [
          {
            client_id: 'given',
            redirect_uris: ['http://127.0.0.1/callback'],
            application_type: 'native',
            token_endpoint_auth_method: 'none',
          },
        ],
      });
      try {
        assert.equal((await discover(closed.issuer, 'oauth2')).registration_endpoint, undefined);
        const open = (clientId: string) =>
          userAt('alice').open(
            `${closed.issuer}/auth?client_id=${clientId}&response_type=code&redirect_uri=http://127.0.0.1/callback`,
          );
        const unknown = await open('unknown');
        assert.equal(unknown.status, 400);
        assert.match(unknown.text, /invalid_client/);
        // Known, and therefore told what is missing.
        assert.equal(new URL((await open('given')).finalUrl).searchParams.get('error'), 'invalid_request');
      } finally {
        await closed.close();
      }
    });

    it('answers invalid_client after it has forgotten its clients', async () => {
      const { refresh_token: refreshToken } = await client.signIn(userAt('alice'), { resource });
      server.forgetClients();
      await assert.rejects(client.refresh(refreshToken), isRefused('invalid_client'));
    });
  });

  describe('sign-in', () => {
    it('issues an access token for the resource alone, and says who signed in', async () => {
      const tokens = await client.signIn(userAt('alice'), { resource });
      const keys = createRemoteJWKSet(new URL(client.server.jwks_uri ?? ''));
      const { payload } = await jwtVerify(tokens.access_token, keys, {
        issuer: server.issuer,
        audience: resource,
        algorithms: ['RS256'],
        typ: 'at+jwt',
      });
      assert.equal(payload.sub, 'alice');
      assert.equal(payload['email'], 'alice@example.com');
      assert.equal(payload['scope'], 'mcp:read mcp:write');
      assert.equal(Number(payload.exp) - Number(payload.iat), 5);
      const identity = decodeJwt(tokens.id_token ?? '');
      assert.deepEqual(
        [identity.sub, identity['email'], identity['name']],
        ['alice', 'alice@example.com', 'Alice'],
      );
      assert.ok(tokens.refresh_token);
    });

    it('shows client, account, resource and scopes before it grants anything', async () => {
      const { visit } = await client.authorize(userAt('alice'), { resource });
      const [loginPage = '', consentPage = ''] = visit.pages;
      assert.match(loginPage, /Contract Test Client/);
      for (const shown of ['Contract Test Client', 'alice@example.com', resource, 'mcp:write', 'profile']) {
        assert.ok(consentPage.includes(shown), shown);
      }
    });

    it('fills in the user name from the hint', async () => {
      const choice = { parameters: { login_hint: 'bob@example.com' } };
      const { visit } = await client.authorize(userAt('bob', 'cancel-sign-in'), choice);
      assert.match(visit.pages[0] ?? '', /name="username" value="bob@example\.com"/);
    });

    it('lets the user try again after a wrong password', async () => {
      const browser = new FormBrowser({ username: 'alice', password: 'wrong', decision: 'allow' });
      const { visit } = await client.authorize(browser, { resource });
      assert.match(visit.text, /role="alert">The user name or the password is wrong/);
      browser.user = { ...browser.user, password: 'alice' };
      assert.ok(new URL((await browser.open(visit.finalUrl)).finalUrl).searchParams.has('code'));
    });

    it('lets a declined request end with access_denied and the issuer', async () => {
      for (const decision of ['cancel', 'cancel-sign-in'] as const) {
        const { visit } = await client.authorize(userAt('alice', decision), { resource });
        const answer = new URL(visit.finalUrl).searchParams;
        assert.equal(answer.get('error'), 'access_denied');
        assert.equal(answer.get('iss'), server.issuer);
        await assert.rejects(client.signIn(userAt('alice', decision)), AuthorizationResponseError);
      }
    });

    it('refuses a request without PKCE', async () => {
      const { visit } = await client.authorize(userAt('alice'), {
        parameters: { code_challenge: undefined, code_challenge_method: undefined },
      });
      const answer = new URL(visit.finalUrl).searchParams;
      assert.equal(answer.get('error'), 'invalid_request');
      assert.equal(answer.get('iss'), server.issuer);
    });

    it('refuses a resource that is not on loopback', async () => {
      const { visit } = await client.authorize(userAt('alice'), { resource: 'https://mcp.example.com/' });
      assert.equal(new URL(visit.finalUrl).searchParams.get('error'), 'invalid_target');
    });

    it('asks for the password once per browser', async () => {
      const browser = userAt('alice');
      await client.signIn(browser, { resource });
      await client.signIn(browser, { resource });
      assert.equal(server.counts('alice').signIns, 1);
      assert.equal(server.counts('alice').codesExchanged, 2);
    });

    it('asks again when the hint names another user, whose sign-in leaves the first one’s grant alone', async () => {
      const browser = userAt('alice');
      const first = await client.signIn(browser, { resource });
      browser.user = { username: 'bob', password: 'bob', decision: 'allow' };
      const second = await client.signIn(browser, {
        resource,
        parameters: { login_hint: 'bob@example.com' },
      });
      assert.equal(decodeJwt(second.access_token).sub, 'bob');
      assert.equal(decodeJwt((await client.refresh(first.refresh_token)).access_token).sub, 'alice');
    });

    it('offers the signed-in account or another one on prompt=select_account', async () => {
      const browser = userAt('alice');
      const choice = { resource, parameters: { prompt: 'select_account' } };
      await client.signIn(browser, choice);
      assert.equal(decodeJwt((await client.signIn(browser, choice)).access_token).sub, 'alice');
      assert.equal(server.counts('alice').signIns, 1);
      browser.user = { username: 'bob', password: 'bob', decision: 'allow' };
      assert.equal(decodeJwt((await client.signIn(browser, choice)).access_token).sub, 'bob');
    });

    it('asks for the password again on prompt=login', async () => {
      const browser = userAt('alice');
      await client.signIn(browser, { resource });
      await client.signIn(browser, { resource, parameters: { prompt: 'login consent' } });
      assert.equal(server.counts('alice').signIns, 2);
    });
  });

  describe('refresh', () => {
    it('rotates the refresh token and keeps resource and scope', async () => {
      const first = await client.signIn(userAt('alice'), { resource });
      server.setAccessTokenSeconds(60);
      const second = await client.refresh(first.refresh_token);
      assert.notEqual(second.refresh_token, first.refresh_token);
      assert.equal(second.expires_in, 60);
      const { aud, scope } = decodeJwt<{ scope: string }>(second.access_token);
      assert.deepEqual([aud, scope], [resource, 'mcp:read mcp:write']);
    });

    it('kills the whole family when a spent refresh token is used again, and no other', async () => {
      const browser = userAt('alice');
      const other = await client.signIn(browser, { resource });
      const first = await client.signIn(browser, { resource });
      const second = await client.refresh(first.refresh_token);
      await assert.rejects(client.refresh(first.refresh_token), isRefused('invalid_grant'));
      await assert.rejects(client.refresh(second.refresh_token), isRefused('invalid_grant'));
      await client.refresh(other.refresh_token);
      assert.equal(server.counts('alice').refusedRefreshes, 2);
    });

    it('refuses a revoked refresh token', async () => {
      const { refresh_token: refreshToken } = await client.signIn(userAt('alice'), { resource });
      await client.revoke(refreshToken);
      await assert.rejects(client.refresh(refreshToken), isRefused('invalid_grant'));
      assert.equal(server.counts('alice').revocations, 1);
    });

    it('ends every grant of one user when a test revokes them', async () => {
      const ofAlice = await client.signIn(userAt('alice'), { resource });
      const ofBob = await client.signIn(userAt('bob'), { resource });
      server.revokeGrants('alice');
      await assert.rejects(client.refresh(ofAlice.refresh_token), isRefused('invalid_grant'));
      await client.refresh(ofBob.refresh_token);
      assert.deepEqual(
        [
          server.counts('alice').refusedRefreshes,
          server.counts('bob').refusedRefreshes,
          server.counts('bob').refreshes,
        ],
        [1, 0, 1],
      );
    });
  });

  describe('faults', () => {
    it('answers what a test tells it to, as often as it tells it', async () => {
      const post = () => fetch(server.tokenEndpoint, { method: 'POST' });
      server.failNext('token', { status: 503, headers: { 'retry-after': '7' } }, 2);
      server.failNext('/token', { status: 400, body: { error: 'slow_down' } });
      const first = await post();
      assert.deepEqual([first.status, first.headers.get('retry-after')], [503, '7']);
      assert.equal((await post()).status, 503);
      assert.deepEqual(await (await post()).json(), { error: 'slow_down' });
      assert.equal((await post()).status, 400);
      assert.equal(server.events.filter(({ kind }) => kind === 'fault').length, 3);
    });

    it('cuts the connection before it has looked at the request', async () => {
      const { refresh_token: refreshToken } = await client.signIn(userAt('alice'), { resource });
      server.failNext('token', 'reset');
      await assert.rejects(client.refresh(refreshToken), TypeError);
      await client.refresh(refreshToken);
    });

    it('loses the answer to a refresh that has happened, so that the old token is spent', async () => {
      const { refresh_token: refreshToken } = await client.signIn(userAt('alice'), { resource });
      server.failNext('token', 'lostAnswer');
      await assert.rejects(client.refresh(refreshToken), TypeError);
      assert.equal(server.counts('alice').refreshes, 1);
      await assert.rejects(client.refresh(refreshToken), isRefused('invalid_grant'));
    });

    it('leaves a request hanging until the client gives up', async () => {
      server.failNext('jwks', 'hang');
      const answer = fetch(client.server.jwks_uri ?? '', { signal: AbortSignal.timeout(5_000) });
      await server.occurrence(({ kind }) => kind === 'fault');
      void server.close();
      await assert.rejects(answer, TypeError);
    });
  });

  describe('what it remembers', () => {
    it('knows every secret it has handed out, and writes none of them into its events', async () => {
      const { visit } = await client.authorize(userAt('alice'), { resource });
      const code = new URL(visit.finalUrl).searchParams.get('code');
      const tokens = await client.signIn(userAt('alice'), { resource });
      const secrets = [
        code,
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
        client.registration['registration_access_token'],
      ];
      for (const secret of secrets) assert.ok(typeof secret === 'string' && server.issuedSecrets.has(secret));
      const written = JSON.stringify(server.events);
      for (const secret of server.issuedSecrets) assert.ok(!written.includes(secret));
    });

    it('forgets everything when it comes back at the same address', async () => {
      const { refresh_token: refreshToken } = await client.signIn(userAt('alice'), { resource });
      const { issuer, port } = server;
      await server.close();
      server = await startAuthorizationServer({ port });
      assert.equal(server.issuer, issuer);
      await assert.rejects(client.refresh(refreshToken), isRefused('invalid_client'));
    });
  });
});
