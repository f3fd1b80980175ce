import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../../src/core/client.js';
import type { LiveCredential } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { Web } from '../../src/node/web.js';
import { quirks, type AuthorizationServer } from '../../src/oauth/authorization-server.js';
import { authorizationRequest, readAuthorizationResponse } from '../../src/oauth/authorization.js';
import { registerClient } from '../../src/oauth/registration.js';
import { exchangeCode, refreshTokens } from '../../src/oauth/token-request.js';
import { listen, type Listener } from '../support/listener.js';

/** What servers in the world send, over a real connection: the flaw in the name, and what is to come of it. */
describe('an answer as real servers give it', () => {
  const { fetch } = new Web();
  const { signal } = new AbortController();
  let listener: Listener;
  let server: AuthorizationServer;
  let client: Client;
  let answer: (req: IncomingMessage, res: ServerResponse) => void;

  before(async () => {
    listener = await listen('127.0.0.1');
    listener.serve((req, res) => answer(req, res));
    const issuer = listener.origin;
    client = { issuer, clientId: 'ours', authMethod: 'none', source: 'configured' };
    server = {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      code_challenge_methods_supported: ['S256'],
    };
  });
  after(() => listener.close());

  function sends(status: number, body: unknown, type = 'application/json') {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    answer = (_req, res) => void res.writeHead(status, { 'content-type': type }).end(text);
  }

  async function exchange(at = server) {
    const redirectUri = 'http://127.0.0.1:1/callback';
    const wishes = { resource: `${at.issuer}/mcp`, redirectUri, state: 's', chooseAccount: false };
    const request = await authorizationRequest(at, client, wishes);
    const redirect = new URL(`${redirectUri}?code=c&state=s`);
    return exchangeCode(fetch, request, readAuthorizationResponse(request, redirect), 0, signal);
  }

  async function refresh() {
    const credential: LiveCredential = {
      account: { issuer: server.issuer, subject: '', label: '' },
      client,
      resource: `${server.issuer}/mcp`,
      generation: 1,
      scopes: [],
      tokens: { kind: 'alive', accessToken: new Secret('old'), issuedAtMs: 0 },
    };
    return refreshTokens(fetch, server, credential, new Secret('refresh'), 0);
  }

  const tokens = { access_token: 'access', token_type: 'Bearer', expires_in: 60, refresh_token: 'next' };
  const oddIdToken = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`;

  const meantWell: Record<string, object> = {
    'refresh_token is null': { ...tokens, refresh_token: null },
    'scope is null': { ...tokens, scope: null },
    'scope is empty': { ...tokens, scope: '' },
    'token_type is missing': { ...tokens, token_type: undefined },
    'token_type is null': { ...tokens, token_type: null },
    'token_type names the kind of account': { ...tokens, token_type: 'user' },
    'token_type is another word for bearer (Apigee)': { ...tokens, token_type: 'BearerToken' },
    'token_type is a list': { ...tokens, token_type: ['Bearer'] },
    'refresh_token is a number': { ...tokens, refresh_token: 12345 },
    'refresh_token is an object': { ...tokens, refresh_token: { a: 1 } },
    'expires_in is hexadecimal': { ...tokens, expires_in: '0x10' },
    'expires_in is a text': { ...tokens, expires_in: '60' },
    'expires_in is null': { ...tokens, expires_in: null },
    'expires_in is no number': { ...tokens, expires_in: 'soon' },
    // Found by fuzzing: turning these into texts throws.
    'expires_in is an object without a text': { ...tokens, expires_in: [{ toString: false }] },
    'scope is a list of objects without a text': { ...tokens, scope: ['a', { toString: false }] },
    'an ID token comes that nobody asked for, and is odd': { ...tokens, id_token: oddIdToken },
    'an ID token comes that nobody asked for, and is none': { ...tokens, id_token: 'none' },
    'an ID token is null': { ...tokens, id_token: null },
    'members come that nobody knows': { ...tokens, ok: true, error: null },
  };
  for (const [flaw, body] of Object.entries(meantWell)) {
    it(`is taken for tokens when ${flaw}`, async () => {
      sends(200, body);
      assert.equal((await exchange()).accessToken.reveal(), 'access');
      const renewed = await refresh();
      assert.ok(renewed.kind === 'granted');
      assert.equal(renewed.tokens.accessToken.reveal(), 'access');
    });
  }

  for (const type of ['DPoP', 'mac', 'N_A']) {
    it(`is taken for the next tokens of a renewal when their kind is ${type}, which costs no refresh token`, async () => {
      sends(200, { ...tokens, token_type: type });
      const renewed = await refresh();
      assert.ok(renewed.kind === 'granted');
      assert.deepEqual([renewed.tokens.refreshToken?.reveal(), renewed.tokens.isBound], ['next', undefined]);
      await assert.rejects(exchange(), (error) => hasCode(error, 'token_answer_invalid'));
    });
  }

  it('is taken for a refresh token where that is a number', async () => {
    sends(200, { ...tokens, refresh_token: 12345 });
    const renewed = await refresh();
    assert.ok(renewed.kind === 'granted');
    assert.equal(renewed.tokens.refreshToken?.reveal(), '12345');
  });

  it('is taken for tokens as text/plain', async () => {
    sends(200, tokens, 'text/plain');
    assert.equal((await exchange()).refreshToken?.reveal(), 'next');
  });

  it('is taken for the user’s tokens where they stand beside an application’s (Slack)', async () => {
    const user = { access_token: 'xoxp', refresh_token: 'xoxe', token_type: 'user', scope: 'a:read,b:write' };
    sends(200, { ok: true, scope: '', authed_user: { id: 'U1', ...user } });
    const granted = await exchange({ ...server, [quirks]: { scopeSeparator: ',' } });
    assert.deepEqual([granted.accessToken.reveal(), granted.refreshToken?.reveal()], ['xoxp', 'xoxe']);
    assert.deepEqual(granted.scopes, ['a:read', 'b:write']);
  });

  it('is taken for the application’s tokens where the user’s are others', async () => {
    sends(200, { ...tokens, authed_user: { access_token: 'another' } });
    assert.equal((await exchange()).accessToken.reveal(), 'access');
  });

  const refusals: Record<string, [status: number, body: unknown, type?: string]> = {
    'status 200 (GitHub)': [200, { error: 'bad_refresh_token', error_description: 'It is incorrect.' }],
    'text/plain': [400, { error: 'invalid_grant' }, 'text/plain'],
    'status 403': [403, { error: 'invalid_grant' }],
    'a null for a description': [400, { error: 'invalid_grant', error_description: null }],
  };
  for (const [how, [status, body, type]] of Object.entries(refusals)) {
    it(`is a refusal with ${how}`, async () => {
      sends(status, body, type);
      assert.equal((await refresh()).kind, 'refused');
      await assert.rejects(exchange(), (error) => hasCode(error, 'authorization_denied'));
    });
  }

  const passing: Record<string, [status: number, body: string, type: string]> = {
    'a page of a firewall': [200, '<!doctype html><title>Sorry</title>', 'text/html'],
    'a page with the status of a refusal': [400, '<!doctype html>', 'text/html'],
    'an empty body': [200, '', 'application/json'],
    'half of an object': [200, '{"access_token":"a', 'application/json'],
    'a list': [200, '[{"access_token":"a"}]', 'application/json'],
    'a text': [200, '"access"', 'application/json'],
  };
  for (const [what, [status, body, type]] of Object.entries(passing)) {
    it(`is trouble that may pass when it is ${what}`, async () => {
      sends(status, body, type);
      assert.equal((await refresh()).kind, 'unavailable');
    });
  }

  const register = () => registerClient(fetch, server, 'http://127.0.0.1:1/callback', signal);
  const registered = { client_id: 'new', redirect_uris: ['http://127.0.0.1:1/callback'] };
  const registrations: Record<string, [status: number, body: object, type?: string]> = {
    'status 200': [200, registered],
    'a secret whose end is not said': [201, { ...registered, client_secret: 'shh' }],
    'a secret that is null': [201, { ...registered, client_secret: null, client_secret_expires_at: null }],
    'text/plain': [201, registered, 'text/plain'],
  };
  for (const [how, [status, body, type]] of Object.entries(registrations)) {
    it(`is a registration with ${how}`, async () => {
      sends(status, body, type);
      assert.equal((await register()).clientId, 'new');
    });
  }

  it('is a refused registration as text/plain, and says why', async () => {
    sends(400, { error: 'invalid_redirect_uri', error_description: 'No.' }, 'text/plain');
    await assert.rejects(register(), (error) => {
      return (
        hasCode(error, 'registration_refused') && error.details['reason'] === '"invalid_redirect_uri: No."'
      );
    });
  });
});
