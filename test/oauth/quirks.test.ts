import assert from 'node:assert/strict';
import type { Client } from '../../src/core/client.js';
import { hasCode } from '../../src/core/errors.js';
import type { Quirk } from '../../src/core/quirk.js';
import { quirks, requirePkce, type AuthorizationServer } from '../../src/oauth/authorization-server.js';
import { googleEndpoints } from '../../src/google/endpoints.js';
import { googleQuirk } from '../../src/google/quirk.js';
import {
  authorizationRequest,
  readAuthorizationResponse,
  type AuthorizationWishes,
} from '../../src/oauth/authorization.js';
import { knownQuirks, merged, quirksOf } from '../../src/oauth/quirks.js';
import { resourceParameter } from '../../src/oauth/wire.js';

const reason = 'a test';

const google = googleQuirk(googleEndpoints);

function serverOf(issuer: string, own: readonly Quirk[] = [], more: object = {}): AuthorizationServer {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    code_challenge_methods_supported: ['S256'],
    [quirks]: merged(quirksOf(issuer, own, [google])),
    ...more,
  };
}

async function request(
  server: AuthorizationServer,
  chooseAccount = false,
  more: Partial<AuthorizationWishes> = {},
) {
  const client: Client = {
    issuer: server.issuer,
    clientId: 'ours',
    authMethod: 'none',
    source: 'configured',
  };
  const built = await authorizationRequest(server, client, {
    resource: 'https://mcp.example.com/mcp',
    redirectUri: 'http://127.0.0.1:1234/callback',
    state: 'state-1',
    scopes: ['read', 'offline_access'],
    chooseAccount,
    ...more,
  });
  return { built, asked: new URL(built.url).searchParams };
}

describe('the table of exceptions', () => {
  const issuers: readonly (readonly [issuer: string, count: number])[] = [
    ['https://accounts.google.com', 1],
    ['https://accounts.google.com/', 1],
    ['https://accounts.google.com.evil.example.com', 0],
    ['https://evil.example.com/https://accounts.google.com', 0],
    ['http://accounts.google.com', 0],
    ['https://login.microsoftonline.com/8f0c1a57-0000-4000-8000-000000000000/v2.0', 1],
    ['https://login.microsoftonline.com/a/b/v2.0', 0],
    ['https://login-microsoftonline.com/a/v2.0', 0],
    ['https://login.microsoftonline.us/a/v2.0', 1],
    ['https://login.partner.microsoftonline.cn/a/v2.0', 1],
    ['https://contoso.ciamlogin.com/a/v2.0', 1],
    ['https://contoso.evil.ciamlogin.com/a/v2.0', 0],
    ['https://ciamlogin.com/a/v2.0', 0],
    ['https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC', 1],
    ['https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_AbC', 1],
    ['https://cognito-idp.evil.example.com/x.amazonaws.com/y', 0],
    ['https://github.com/login/oauth', 1],
    ['https://slack.com', 1],
    ['https://as.example.com', 0],
  ];
  for (const [issuer, count] of issuers) {
    it(`has ${count} for ${issuer}`, () => assert.equal(quirksOf(issuer, [], [google]).length, count));
  }

  it('gives a reason for each, and weakens the check of no answer', () => {
    for (const quirk of knownQuirks) {
      assert.ok(quirk.reason.length > 20, quirk.issuer);
      assert.deepEqual([quirk.responseIssuer, quirk.mayOmitIss], [undefined, undefined], quirk.issuer);
    }
  });

  it('lets the user’s own go before it, member by member', () => {
    const { issuer } = google;
    const own = { issuer, reason, withoutScopes: [] };
    assert.deepEqual(
      merged(quirksOf(issuer, [own, { ...own, issuer: 'https://as.example.com' }], [google])),
      {
        ...google,
        ...own,
      },
    );
  });
});

describe('an exception', () => {
  it('lets Google grant a refresh token, without a scope that it refuses', async () => {
    const { asked } = await request(serverOf(google.issuer), true);
    assert.equal(asked.get('access_type'), 'offline');
    assert.equal(asked.get('prompt'), 'select_account consent');
    assert.equal(asked.get('scope'), 'read');
  });

  it('names no resource to Google, whose tokens are for all', async () => {
    const { asked } = await request(serverOf(google.issuer));
    assert.deepEqual([asked.get('resource'), asked.get('prompt')], [null, 'consent']);
    assert.deepEqual(resourceParameter(serverOf(google.issuer), 'https://mcp.example.com'), {});
  });

  it('asks Google for nothing anew that is covered, and for accounts of one organization alone', async () => {
    const wishes = { mustConsent: false, domain: 'example.com' };
    const { asked } = await request(serverOf(google.issuer), true, wishes);
    assert.deepEqual([asked.get('prompt'), asked.get('hd')], ['select_account', 'example.com']);
    const other = await request(serverOf('https://as.example.com'), false, wishes);
    assert.equal(other.asked.get('hd'), null);
  });

  it('names no resource to Entra ID, takes its PKCE for granted, and asks for no consent that only an administrator could give', async () => {
    const server = serverOf('https://login.microsoftonline.com/tenant/v2.0', [], {
      code_challenge_methods_supported: undefined,
    });
    const { asked } = await request(server);
    assert.deepEqual([asked.get('resource'), asked.get('code_challenge_method')], [null, 'S256']);
    assert.deepEqual([asked.get('scope'), asked.get('prompt')], ['read offline_access', null]);
    assert.deepEqual(resourceParameter(server, 'https://mcp.example.com'), {});
    assert.deepEqual(resourceParameter(serverOf('https://as.example.com'), 'a'), { resource: 'a' });
  });

  it('does not excuse a server that says it checks another PKCE', () => {
    const more = { code_challenge_methods_supported: ['plain'] };
    const server = serverOf('https://cognito-idp.eu-west-1.amazonaws.com/pool', [], more);
    assert.throws(
      () => requirePkce(server),
      (error) => hasCode(error, 'pkce_unsupported'),
    );
  });

  it('asks Slack for what users grant, and for no bot', async () => {
    const { asked } = await request(serverOf('https://slack.com'));
    assert.deepEqual([asked.get('scope'), asked.get('user_scope')], [null, 'read offline_access']);
  });

  it('takes the place of nothing that protects a request', async () => {
    const issuer = 'https://as.example.com';
    const parameters = { state: 'theirs', code_challenge: 'theirs', client_id: 'theirs', audience: 'api' };
    const own = { issuer, reason, parameters, scopeParameter: 'redirect_uri' };
    const { asked } = await request(serverOf(issuer, [own]));
    assert.deepEqual(
      [asked.get('state'), asked.get('client_id'), asked.get('audience')],
      ['state-1', 'ours', 'api'],
    );
    assert.equal(asked.get('redirect_uri'), 'http://127.0.0.1:1234/callback');
    assert.notEqual(asked.get('code_challenge'), 'theirs');
  });

  it('cannot be made by what a server says of itself', () => {
    const metadata = { quirks: { assumePkce: true }, 'Symbol(quirks)': { assumePkce: true } };
    const server = { ...metadata, issuer: 'https://as.example.com' } as unknown as AuthorizationServer;
    assert.throws(
      () => requirePkce(server),
      (error) => hasCode(error, 'pkce_unsupported'),
    );
  });

  describe('for the issuer in a redirect (RFC 9207)', () => {
    const issuer = 'https://as.example.com/tenant';
    const promised = { authorization_response_iss_parameter_supported: true };

    async function answers(own: readonly Quirk[], query: string) {
      const { built } = await request(serverOf(issuer, own, promised));
      const redirect = new URL(`${built.redirectUri}?code=1&state=state-1${query}`);
      return readAuthorizationResponse(built, redirect).get('code');
    }

    const isRefused = (error: unknown) => hasCode(error, 'authorization_response_invalid');
    const other = [{ issuer, reason, responseIssuer: 'https://as.example.com' }];

    it('accepts exactly the name that the user has set, and the true one', async () => {
      assert.equal(await answers(other, '&iss=https://as.example.com'), '1');
      assert.equal(await answers(other, `&iss=${issuer}`), '1');
    });

    for (const query of [
      '',
      '&iss=https://as.example.com/',
      '&iss=https://AS.example.com',
      '&iss=https://evil.com',
    ])
      it(`refuses ${query || 'none'}`, () => assert.rejects(answers(other, query), isRefused));

    it('refuses the name beside another', () =>
      assert.rejects(answers(other, '&iss=https://as.example.com&iss=https://evil.com'), isRefused));

    it('says which name came, so that the user can have it confirmed', () =>
      assert.rejects(answers([], '&iss=https://evil.com'), (error) => {
        return isRefused(error) && hasCode(error, 'authorization_response_invalid')
          ? error.details['iss'] === '"https://evil.com"'
          : false;
      }));

    it('lets the name be missing, and not be wrong, where it may be missing', async () => {
      const silent = [{ issuer, reason, mayOmitIss: true }];
      assert.equal(await answers(silent, ''), '1');
      await assert.rejects(answers(silent, '&iss=https://evil.com'), isRefused);
      await assert.rejects(answers([], ''), isRefused);
    });
  });
});
