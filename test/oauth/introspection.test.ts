import assert from 'node:assert/strict';
import type { LiveCredential } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { introspectGrant } from '../../src/oauth/introspection.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const issuer = 'https://as.example.com';
const introspection = `${issuer}/introspect`;
const refreshToken = new Secret('refresh-1');
const credential: LiveCredential = {
  account: { issuer, subject: 'u-1', label: 'alice@example.com' },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  resource: 'https://mcp.example.com/mcp',
  generation: 1,
  scopes: [],
  tokens: { kind: 'alive', accessToken: new Secret('access-1'), refreshToken, issuedAtMs: 0 },
};
const { signal } = new AbortController();

async function ask(answer: Response | (() => Response)) {
  const scripted = new ScriptedFetch({ [`POST ${introspection}`]: answer });
  const server = { issuer, introspection_endpoint: introspection };
  const word = await introspectGrant(scripted.fetch, server, credential, refreshToken, signal);
  return { word, form: scripted.form };
}

describe('introspectGrant (RFC 7662)', () => {
  it('asks about the refresh token, as the client that it was issued to (RFC 7662 §2.1)', async () => {
    const { word, form } = await ask(json({ active: true, sub: 'u-1' }));
    assert.equal(word, 'active');
    assert.deepEqual(form, { token: 'refresh-1', token_type_hint: 'refresh_token', client_id: 'c' });
  });

  it('takes the issuer’s no for a no (RFC 7662 §2.2)', async () =>
    assert.equal((await ask(json({ active: false }))).word, 'inactive'));

  const silent: readonly (readonly [string, Response])[] = [
    [
      '401, which public clients get',
      json({ error: 'invalid_client' }, 401, { 'www-authenticate': 'Basic' }),
    ],
    ['403', json({ error: 'access_denied' }, 403)],
    ['404', page(404)],
    ['400 with an OAuth error', json({ error: 'invalid_request' }, 400)],
    ['a page', page(200)],
    ['a document without the word', json({ sub: 'u-1' })],
    ['a word that is none', json({ active: 'false' })],
  ];
  for (const [what, answer] of silent) {
    it(`learns nothing from ${what}`, async () => assert.equal((await ask(answer)).word, 'unknown'));
  }

  it('learns nothing where there is no endpoint, without asking', async () => {
    const word = await introspectGrant(
      new ScriptedFetch({}).fetch,
      { issuer },
      credential,
      refreshToken,
      signal,
    );
    assert.equal(word, 'unknown');
  });

  for (const status of [408, 429, 500, 503]) {
    it(`throws at a status that may pass: ${status}`, () =>
      assert.rejects(ask(page(status)), (error) => hasCode(error, 'issuer_unreachable')));
  }

  it('throws when the issuer cannot be reached', () =>
    assert.rejects(
      ask(() => {
        throw new TypeError('fetch failed');
      }),
      (error) => hasCode(error, 'issuer_unreachable'),
    ));
});
