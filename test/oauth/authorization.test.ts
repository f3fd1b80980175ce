import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import type { Client } from '../../src/core/client.js';
import { hasCode, type ErrorCode } from '../../src/core/errors.js';
import { quirks, type AuthorizationServer } from '../../src/oauth/authorization-server.js';
import { keyFor } from '../../src/oauth/dpop.js';
import {
  authorizationRequest,
  namedScopes,
  newState,
  readAuthorizationResponse,
  type AuthorizationWishes,
} from '../../src/oauth/authorization.js';

const issuer = 'https://as.example.com';
const plain: AuthorizationServer = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  code_challenge_methods_supported: ['S256'],
};
const openId = { ...plain, scopes_supported: ['openid', 'profile', 'email', 'offline_access'] };
const client: Client = { issuer, clientId: 'client-1', authMethod: 'none', source: 'dynamic' };
const wishes: AuthorizationWishes = {
  resource: 'HTTPS://mcp.example.com',
  redirectUri: 'http://127.0.0.1:1234/callback',
  state: 'state-1',
  chooseAccount: false,
};

async function request(server: AuthorizationServer, changed: Partial<AuthorizationWishes> = {}) {
  const built = await authorizationRequest(server, client, { ...wishes, ...changed });
  return { built, asked: new URL(built.url).searchParams };
}

describe('authorizationRequest', () => {
  it('asks for a code with what is recorded to judge its answer (OAuth 2.1 §4.1.1)', async () => {
    const { built, asked } = await request(plain);
    assert.equal(asked.get('response_type'), 'code');
    assert.equal(asked.get('client_id'), 'client-1');
    assert.equal(asked.get('redirect_uri'), wishes.redirectUri);
    assert.equal(asked.get('state'), 'state-1');
    assert.equal(built.redirectUri, wishes.redirectUri);
    assert.equal(built.state, 'state-1');
  });

  it('binds the code to a verifier that stays here (RFC 7636 §4.2)', async () => {
    const { built, asked } = await request(plain);
    const verifier = built.codeVerifier.reveal();
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.equal(asked.get('code_challenge'), createHash('sha256').update(verifier).digest('base64url'));
    assert.ok(!built.url.includes(verifier));
    assert.notEqual((await request(plain)).built.codeVerifier.reveal(), verifier);
  });

  it('names the resource verbatim (RFC 8707 §2)', async () => {
    assert.deepEqual((await request(plain)).asked.getAll('resource'), ['HTTPS://mcp.example.com']);
  });

  it('keeps the query of the endpoint (RFC 6749 §3.1)', async () => {
    const server = { ...plain, authorization_endpoint: `${issuer}/authorize?tenant=a` };
    assert.equal((await request(server)).asked.get('tenant'), 'a');
  });

  describe('asks for scopes', () => {
    const rows: readonly (readonly [
      string,
      AuthorizationServer,
      readonly string[] | undefined,
      string | null,
    ])[] = [
      [
        'not at all when nobody names any (MCP authorization, "Scope Selection Strategy")',
        plain,
        undefined,
        null,
      ],
      ['of the resource alone at a plain OAuth server', plain, ['a', 'b'], 'a b'],
      [
        'and for who signs in at an OpenID provider (OpenID Connect Core §3.1.2.1)',
        openId,
        ['a'],
        'openid profile email offline_access a',
      ],
      ['only as far as they are offered', { ...plain, scopes_supported: ['openid', 'a'] }, ['a'], 'openid a'],
      [
        'for a refresh token only where it is offered (SEP-2207)',
        { ...plain, scopes_supported: ['offline_access'] },
        ['a'],
        'offline_access a',
      ],
      [
        'for no profile without OpenID Connect',
        { ...plain, scopes_supported: ['profile', 'email'] },
        ['a'],
        'a',
      ],
      [
        'for who signs in and a refresh token, too, where the resource names none (OpenID Connect Core §11)',
        openId,
        undefined,
        'openid profile email offline_access',
      ],
      ['in the same way where the resource wants none', openId, [], 'openid profile email offline_access'],
      [
        'not at all where the resource names none, and neither of these is offered',
        { ...plain, scopes_supported: ['a'] },
        undefined,
        null,
      ],
      ['once each', openId, ['email', 'a', 'a'], 'openid profile email offline_access a'],
    ];
    for (const [what, server, scopes, expected] of rows) {
      it(what, async () => {
        const { built, asked } = await request(server, scopes && { scopes });
        assert.equal(asked.get('scope'), expected);
        assert.deepEqual(built.scopes, expected?.split(' ') ?? []);
      });
    }
  });

  it('leaves out the refresh token that a resource names and the authorization server does not offer (SEP-2207)', () => {
    assert.deepEqual(namedScopes(plain, ['read', 'offline_access']), ['read']);
    assert.deepEqual(namedScopes(openId, ['read', 'offline_access']), ['read', 'offline_access']);
  });

  it('binds the code to the key of the tokens (RFC 9449 §10)', async () => {
    const dpopKey = await keyFor(true, { ...plain, dpop_signing_alg_values_supported: ['ES256'] });
    assert.ok(dpopKey !== undefined);
    const { d: _, ...shared } = JSON.parse(dpopKey.reveal()) as JWK;
    const { asked } = await request(plain, { dpopKey });
    assert.equal(asked.get('dpop_jkt'), await calculateJwkThumbprint(shared));
    assert.ok(!(await request(plain)).asked.has('dpop_jkt'));
  });

  it('repeats no more of what a server says than anybody reads', async () => {
    const { built } = await request(plain);
    const search = new URLSearchParams({
      error: 'e'.repeat(9_000),
      error_description: 'd'.repeat(9_000),
      state: 'state-1',
    });
    assert.throws(
      () => readAuthorizationResponse(built, new URL(`${wishes.redirectUri}?${search.toString()}`)),
      (error) => hasCode(error, 'authorization_denied') && JSON.stringify(error.details).length < 1_200,
    );
  });

  describe('says who should sign in (OpenID Connect Core §3.1.2.1)', () => {
    const openId = { ...plain, scopes_supported: ['openid', 'profile', 'email'] };
    it('with a hint, when an account is wanted', async () => {
      const { asked } = await request(openId, { loginHint: 'alice@example.com' });
      assert.deepEqual([asked.get('login_hint'), asked.get('prompt')], ['alice@example.com', null]);
    });
    const prompts: readonly (readonly [string, AuthorizationServer, string | null])[] = [
      [
        'select_account where it is offered',
        { ...openId, prompt_values_supported: ['none', 'login', 'select_account'] },
        'select_account',
      ],
      ['login where that is all', { ...openId, prompt_values_supported: ['none', 'login'] }, 'login'],
      ['nothing where neither is offered', { ...openId, prompt_values_supported: ['none'] }, null],
      ['login at an OpenID provider that does not say', openId, 'login'],
      ['nothing at a plain OAuth server', plain, null],
    ];
    for (const [what, server, expected] of prompts) {
      it(`or lets the user choose: ${what}`, async () => {
        assert.equal((await request(server, { chooseAccount: true })).asked.get('prompt'), expected);
      });
    }
  });

  describe('asks for the consent without which no refresh token is given (OpenID Connect Core §11)', () => {
    const rows: readonly (readonly [
      string,
      AuthorizationServer,
      Partial<AuthorizationWishes>,
      string | null,
    ])[] = [
      ['where one is offered', openId, {}, 'consent'],
      ['beside the choice of an account', openId, { chooseAccount: true }, 'login consent'],
      ['where the user has set that scope', plain, { scopes: ['offline_access'] }, 'consent'],
      ['but not for a refresh token that is there', openId, { mustConsent: false }, null],
      ['but not where none is offered', { ...plain, scopes_supported: ['openid'] }, {}, null],
      ['but not a server without that prompt', { ...openId, prompt_values_supported: ['login'] }, {}, null],
      ['but not one that gives it without', { ...openId, [quirks]: { omitConsent: true } }, {}, null],
      ['once', { ...openId, [quirks]: { parameters: { prompt: 'login consent' } } }, {}, 'consent login'],
    ];
    for (const [what, server, changed, expected] of rows)
      it(what, async () => {
        assert.equal((await request(server, changed)).asked.get('prompt'), expected);
      });
  });

  it('sends a nonce exactly when it asks for an ID token (OpenID Connect Core §3.1.2.1)', async () => {
    const { built, asked } = await request(openId, { scopes: ['read'] });
    assert.ok(built.nonce);
    assert.equal(asked.get('nonce'), built.nonce);
    assert.ok(!(await request(plain)).asked.has('nonce'));
  });

  const refusals: readonly (readonly [string, AuthorizationServer, ErrorCode])[] = [
    [
      'without PKCE (MCP authorization, "Authorization Code Protection")',
      { ...plain, code_challenge_methods_supported: ['plain'] },
      'pkce_unsupported',
    ],
    [
      'without an authorization endpoint',
      { issuer, code_challenge_methods_supported: ['S256'] },
      'metadata_missing',
    ],
    [
      'with an endpoint that is a script',
      { ...plain, authorization_endpoint: 'javascript:alert(1)' },
      'address_refused',
    ],
    [
      'with an endpoint that is a file',
      { ...plain, authorization_endpoint: 'file:///etc/passwd' },
      'address_refused',
    ],
    [
      'with an endpoint in plain text',
      { ...plain, authorization_endpoint: 'http://as.example.com/' },
      'address_refused',
    ],
  ];
  for (const [what, server, code] of refusals) {
    it(`refuses a server ${what}`, () => assert.rejects(request(server), (error) => hasCode(error, code)));
  }

  it('makes a new unguessable state each time', () => {
    const states = new Set(Array.from({ length: 50 }, newState));
    assert.equal(states.size, 50);
    for (const state of states) assert.ok(state.length >= 43, 'At least 256 bits.');
  });
});

describe('readAuthorizationResponse', () => {
  const announcing = { ...plain, authorization_response_iss_parameter_supported: true };
  const read = async (server: AuthorizationServer, query: string) => {
    const { built } = await request(server);
    return readAuthorizationResponse(built, new URL(`${wishes.redirectUri}?${query}`));
  };
  const [ours, theirs] = [`iss=${encodeURIComponent(issuer)}`, 'iss=https%3A%2F%2Fattacker.example'];

  describe('checks the issuer (RFC 9207 §2.4)', () => {
    const rows: readonly (readonly [string, AuthorizationServer, string, ErrorCode | 'accepted'])[] = [
      ['announced, present and equal', announcing, `code=c&state=state-1&${ours}`, 'accepted'],
      ['announced and absent', announcing, 'code=c&state=state-1', 'authorization_response_invalid'],
      [
        'announced and another',
        announcing,
        `code=c&state=state-1&${theirs}`,
        'authorization_response_invalid',
      ],
      ['not announced, present and equal', plain, `code=c&state=state-1&${ours}`, 'accepted'],
      [
        'not announced, and another',
        plain,
        `code=c&state=state-1&${theirs}`,
        'authorization_response_invalid',
      ],
      ['not announced and absent', plain, 'code=c&state=state-1', 'accepted'],
      ['equal but for a slash', plain, `code=c&state=state-1&${ours}%2F`, 'authorization_response_invalid'],
      [
        'equal but for letter case',
        plain,
        'code=c&state=state-1&iss=https%3A%2F%2FAS.example.com',
        'authorization_response_invalid',
      ],
      [
        'equal but for the port',
        plain,
        `code=c&state=state-1&${ours}%3A443`,
        'authorization_response_invalid',
      ],
      ['present and empty', plain, 'code=c&state=state-1&iss=', 'authorization_response_invalid'],
      ['twice', plain, `code=c&state=state-1&${ours}&${ours}`, 'authorization_response_invalid'],
      ['in an error, equal', announcing, `error=access_denied&state=state-1&${ours}`, 'authorization_denied'],
      [
        'in an error, absent though announced',
        announcing,
        'error=access_denied&state=state-1',
        'authorization_response_invalid',
      ],
      [
        'in an error, another',
        plain,
        `error=access_denied&state=state-1&${theirs}`,
        'authorization_response_invalid',
      ],
      ['in an error, absent', plain, 'error=access_denied&state=state-1', 'authorization_denied'],
    ];
    for (const [what, server, query, expected] of rows) {
      it(`${what}: ${expected}`, async () => {
        if (expected === 'accepted') assert.equal((await read(server, query)).get('code'), 'c');
        else await assert.rejects(read(server, query), (error) => hasCode(error, expected));
      });
    }
  });

  describe('refuses (RFC 6749 §4.1.2, §10.12)', () => {
    const rows: readonly (readonly [string, string])[] = [
      ['another state', 'code=c&state=state-2'],
      ['a longer state', 'code=c&state=state-1x'],
      ['no state', 'code=c'],
      ['two states', 'code=c&state=state-1&state=state-1'],
      ['no code', 'state=state-1'],
      ['an empty code', 'code=&state=state-1'],
      ['two codes', 'code=c&code=d&state=state-1'],
      ['an error with another state', 'error=access_denied&state=state-2'],
      ['an answer of the implicit flow', 'code=c&state=state-1&token_type=bearer&access_token=a&id_token=x'],
    ];
    for (const [what, query] of rows) {
      it(what, () =>
        assert.rejects(read(plain, query), (error) => hasCode(error, 'authorization_response_invalid')),
      );
    }
  });

  it('quotes what the server says, and keeps its code to compare', async () => {
    const query = 'error=access_denied&error_description=Say+%22yes%22%0Anow&state=state-1';
    await assert.rejects(read(plain, query), (error) => {
      assert.ok(hasCode(error, 'authorization_denied'));
      const reason = JSON.stringify('Say "yes"\nnow');
      assert.deepEqual(error.details, { error: 'access_denied', reason, issuer });
      return true;
    });
  });
});
