import assert from 'node:assert/strict';
import { hasCode, type ErrorCode } from '../../src/core/errors.js';
import {
  discoverAuthorizationServer,
  metadataAddresses,
  requirePkce,
} from '../../src/oauth/authorization-server.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const { signal } = new AbortController();

describe('metadataAddresses (RFC 8414 §3.1, OpenID Connect Discovery §4.1)', () => {
  const host = 'https://as.example.com';
  const bare = [`${host}/.well-known/oauth-authorization-server`, `${host}/.well-known/openid-configuration`];
  const tenant = [
    `${host}/.well-known/oauth-authorization-server/t1`,
    `${host}/.well-known/openid-configuration/t1`,
    `${host}/t1/.well-known/openid-configuration`,
  ];
  const deep = [
    `${host}/.well-known/oauth-authorization-server/a/b`,
    `${host}/.well-known/openid-configuration/a/b`,
    `${host}/a/b/.well-known/openid-configuration`,
  ];
  const rows = [
    ['without a path', host, bare],
    ['with a terminating slash alone', `${host}/`, bare],
    ['with a path, never the root', `${host}/t1`, tenant],
    ['with a path and a terminating slash', `${host}/t1/`, tenant],
    ['with a deep path', `${host}/a/b`, deep],
  ] as const;
  for (const [what, issuer, expected] of rows) {
    it(`of an issuer ${what}`, () => assert.deepEqual(metadataAddresses(new URL(issuer)), expected));
  }
});

describe('discoverAuthorizationServer', () => {
  const discover = (issuer: string, scripted: ScriptedFetch, resource = 'https://mcp.example.com/mcp') =>
    discoverAuthorizationServer(scripted.fetch, issuer, resource, signal);
  const at = 'GET https://as.example.com/.well-known/oauth-authorization-server';

  const matching = [
    ['identical', 'https://as.example.com', 'https://as.example.com'],
    ['named with a slash, published without', 'https://as.example.com/', 'https://as.example.com'],
    ['named without a slash, published with', 'https://as.example.com', 'https://as.example.com/'],
  ] as const;
  for (const [what, asked, published] of matching) {
    it(`accepts an issuer that is ${what}`, async () => {
      const scripted = new ScriptedFetch({ [at]: json({ issuer: published, token_endpoint: 'https://x/' }) });
      assert.equal((await discover(asked, scripted)).issuer, published);
    });
  }

  const refused: readonly (readonly [string, Response, ErrorCode])[] = [
    ['of another host (RFC 8414 §3.3)', json({ issuer: 'https://attacker.example' }), 'issuer_mismatch'],
    ['of a tenant (RFC 8414 §3.3)', json({ issuer: 'https://as.example.com/t1' }), 'issuer_mismatch'],
    [
      'of the same host in capitals (RFC 8414 §3.3)',
      json({ issuer: 'https://AS.example.com' }),
      'issuer_mismatch',
    ],
    [
      'of the same port, spelled out (RFC 8414 §3.3)',
      json({ issuer: 'https://as.example.com:443' }),
      'issuer_mismatch',
    ],
    ['of another port (RFC 8414 §3.3)', json({ issuer: 'https://as.example.com:8443' }), 'issuer_mismatch'],
    [
      'without an issuer (RFC 8414 §2)',
      json({ token_endpoint: 'https://as.example.com/t' }),
      'metadata_missing',
    ],
    ['with an issuer that is no text', json({ issuer: 1 }), 'metadata_missing'],
    ['that is a list', json([{ issuer: 'https://as.example.com' }]), 'metadata_missing'],
    [
      'that is not JSON after all',
      new Response('{', { headers: { 'content-type': 'application/json' } }),
      'metadata_missing',
    ],
    ['that is absent', page(404), 'metadata_missing'],
    [
      'without a token endpoint (RFC 8414 §2)',
      json({ issuer: 'https://as.example.com' }),
      'metadata_missing',
    ],
    [
      'whose token endpoint is no address of the web',
      json({ issuer: 'https://as.example.com', token_endpoint: 'javascript:alert(1)' }),
      'metadata_missing',
    ],
  ];
  for (const [what, answer, code] of refused) {
    it(`refuses a document ${what}`, async () => {
      const scripted = new ScriptedFetch({ [at]: answer });
      await assert.rejects(discover('https://as.example.com', scripted), (error) => hasCode(error, code));
    });
  }

  it('goes on after JSON that is no metadata, and after a redirect to a page', async () => {
    const issuer = 'https://as.example.com/t1';
    const scripted = new ScriptedFetch({
      [`${at}/t1`]: json({ error: 'not found' }),
      'GET https://as.example.com/.well-known/openid-configuration/t1': new Response(null, {
        status: 302,
        headers: { location: '/ui/#/not-found' },
      }),
      'GET https://as.example.com/ui/': page(200),
      'GET https://as.example.com/t1/.well-known/openid-configuration': json({
        issuer,
        token_endpoint: `${issuer}/token`,
      }),
    });
    assert.equal((await discover(issuer, scripted)).issuer, issuer);
  });

  it('leaves out members of another type than RFC 8414 §2 gives them, as if they had not been said', async () => {
    const sound = { issuer: 'https://as.example.com', token_endpoint: 'https://as.example.com/token' };
    const scripted = new ScriptedFetch({
      [at]: json({
        ...sound,
        registration_endpoint: null,
        revocation_endpoint: 'revoke',
        introspection_endpoint: 'file:///etc/passwd',
        scopes_supported: ['openid', 7],
        // Whoever looks for S256 in a text finds it.
        code_challenge_methods_supported: 'not S256',
        token_endpoint_auth_methods_supported: 7,
      }),
    });
    const server = await discover('https://as.example.com', scripted);
    assert.deepEqual(server, { ...sound, scopes_supported: ['openid'] });
  });

  it('refuses a document of a tenant whose issuer has a slash more (RFC 8414 §3.3)', async () => {
    const tenant = 'https://as.example.com/t1';
    const scripted = new ScriptedFetch({ [`${at}/t1`]: json({ issuer: `${tenant}/` }) });
    await assert.rejects(discover(tenant, scripted), (error) => hasCode(error, 'issuer_mismatch'));
  });

  describe('of a server that is its own authorization server (MCP authorization 2025-03-26)', () => {
    const origin = 'https://mcp.example.com';

    it('falls back to the default endpoints when nothing is published', async () => {
      const server = await discover(origin, new ScriptedFetch({}));
      assert.deepEqual(
        [server.issuer, server.authorization_endpoint, server.token_endpoint, server.registration_endpoint],
        [origin, `${origin}/authorize`, `${origin}/token`, `${origin}/register`],
      );
      requirePkce(server);
    });

    it('takes what is published instead', async () => {
      const published = { issuer: origin, token_endpoint: `${origin}/oauth/token` };
      const scripted = new ScriptedFetch({
        [`GET ${origin}/.well-known/oauth-authorization-server`]: json(published),
      });
      assert.deepEqual(await discover(origin, scripted), published);
    });

    it('is not pushed to the default endpoints by an outage', async () => {
      const scripted = new ScriptedFetch({
        [`GET ${origin}/.well-known/oauth-authorization-server`]: page(503),
      });
      await assert.rejects(discover(origin, scripted), (error) => hasCode(error, 'issuer_unreachable'));
    });
  });

  it('refuses an issuer over plain http without asking', async () => {
    const scripted = new ScriptedFetch({});
    await assert.rejects(discover('http://as.example.com', scripted), (error) =>
      hasCode(error, 'address_refused'),
    );
    assert.deepEqual(scripted.asked, []);
  });

  it('finds the OpenID configuration of a tenant in the last place', async () => {
    const last = 'https://as.example.com/t1/.well-known/openid-configuration';
    const document = {
      issuer: 'https://as.example.com/t1',
      token_endpoint: 'https://as.example.com/t1/token',
    };
    const scripted = new ScriptedFetch({ [`GET ${last}`]: json(document) });
    assert.equal((await discover('https://as.example.com/t1', scripted)).issuer, 'https://as.example.com/t1');
    assert.equal(scripted.asked.length, 3);
  });
});

describe('requirePkce (OAuth 2.1 §4.1.1, RFC 8414 §2)', () => {
  const issuer = 'https://as.example.com';
  it('admits S256 among others', () =>
    requirePkce({ issuer, code_challenge_methods_supported: ['plain', 'S256'] }));
  const rows = [
    ['no methods at all', undefined],
    ['an empty list', []],
    ['plain alone', ['plain']],
    ['s256 in small letters', ['s256']],
  ] as const;
  for (const [what, methods] of rows) {
    it(`refuses ${what}`, () => {
      const server = { issuer, ...(methods && { code_challenge_methods_supported: [...methods] }) };
      assert.throws(
        () => requirePkce(server),
        (error) => hasCode(error, 'pkce_unsupported'),
      );
    });
  }
});
