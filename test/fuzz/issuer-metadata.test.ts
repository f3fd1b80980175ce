import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Client } from '../../src/core/client.js';
import type { LiveCredential } from '../../src/core/credential.js';
import type { ErrorCode } from '../../src/core/errors.js';
import type { Fetch } from '../../src/core/ports.js';
import { Secret } from '../../src/core/secret.js';
import { authorizationRequest, readAuthorizationResponse } from '../../src/oauth/authorization.js';
import { discoverAuthorizationServer } from '../../src/oauth/authorization-server.js';
import { metadataDocumentClient } from '../../src/oauth/client-document.js';
import { requestDeviceCode } from '../../src/oauth/device-code.js';
import { introspectGrant } from '../../src/oauth/introspection.js';
import { pushIfRequired } from '../../src/oauth/pushed-request.js';
import { registerClient } from '../../src/oauth/registration.js';
import { revokeGrant } from '../../src/oauth/revocation.js';
import { exchangeCode, refreshTokens } from '../../src/oauth/token-request.js';
import { holds } from './fuzz.js';
import { assertSafeAddress, resultOf } from './outcome.js';
import { damaged, documentText } from './texts.js';

const issuer = 'https://as.example.com';
const resource = 'https://mcp.example.com/mcp';
const redirectUri = 'http://127.0.0.1:4000/callback';
const { signal } = new AbortController();

const endpoints = (name: string) => [
  `${issuer}/${name}`,
  `http://as.example.com/${name}`,
  `http://127.0.0.1:4000/${name}`,
  `https://user:password@as.example.com/${name}`,
  `https://as.example.com/${name}#fragment`,
  'javascript:alert(1)',
  'file:///etc/passwd',
  'data:text/html,hello',
  name,
  '',
  null,
  7,
  [`${issuer}/${name}`],
];

const documents = documentText({
  issuer: [issuer, issuer, issuer, `${issuer}/`, 'https://AS.example.com', 'https://evil.example.com', 7],
  authorization_endpoint: endpoints('auth'),
  token_endpoint: endpoints('token'),
  registration_endpoint: endpoints('register'),
  revocation_endpoint: endpoints('revoke'),
  introspection_endpoint: endpoints('introspect'),
  device_authorization_endpoint: endpoints('device'),
  pushed_authorization_request_endpoint: endpoints('par'),
  require_pushed_authorization_requests: [false, true, 'true', null],
  code_challenge_methods_supported: [
    ['S256'],
    ['S256'],
    ['plain', 'S256'],
    ['plain'],
    [],
    'S256',
    null,
    true,
  ],
  scopes_supported: [['openid', 'offline_access'], ['openid', 7], 'openid', null, 7],
  prompt_values_supported: [['login'], 'login', null],
  token_endpoint_auth_methods_supported: [['none'], ['client_secret_post'], 'none', null, 7],
  authorization_response_iss_parameter_supported: [true, false, 'true', null],
  client_id_metadata_document_supported: [true, 'yes'],
});

/** Where the document ends, the servers that it names begin: they refuse everything. */
const answersWith =
  (text: string): Fetch =>
  (address, { method }) => {
    assertSafeAddress(address);
    if (method === 'GET')
      return Promise.resolve(new Response(text, { headers: { 'content-type': 'application/json' } }));
    return Promise.resolve(Response.json({ error: 'invalid_request' }, { status: 400 }));
  };

const client: Client = { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' };
const refreshToken = new Secret('refresh-1');
const credential: LiveCredential = {
  account: { issuer, subject: 'u', label: 'alice' },
  client,
  resource,
  generation: 1,
  scopes: [],
  tokens: { kind: 'alive', accessToken: new Secret('access-1'), refreshToken, issuedAtMs: 0 },
};

/** What an endpoint that is missing, or that nobody may talk to, is called. */
const unusable: readonly ErrorCode[] = ['metadata_missing', 'address_refused'];

describe('the metadata of an authorization server', () => {
  holds(
    'is a description of the issuer that was asked, whose every use succeeds or fails with a code',
    40,
    [fc.oneof({ weight: 9, arbitrary: documents }, damaged(documents))],
    async (text) => {
      const fetch = answersWith(text);
      const server = await resultOf(
        () => discoverAuthorizationServer(fetch, issuer, resource, signal),
        'metadata_missing',
        'issuer_mismatch',
      );
      if (server === undefined) return;
      assert.equal(server.issuer.replace(/\/$/, ''), issuer);
      const wishes = { resource, redirectUri, state: 'state', chooseAccount: true };
      const request = await resultOf(
        () => authorizationRequest(server, client, wishes),
        'pkce_unsupported',
        ...unusable,
      );
      if (request !== undefined) {
        assertSafeAddress(request.url);
        assert.ok(/"code_challenge_methods_supported":\[[^\]]*"S256"/.test(text), 'PKCE was assumed.');
        const answer = new URL(`${redirectUri}?code=c&state=state&iss=${encodeURIComponent(server.issuer)}`);
        const code = readAuthorizationResponse(request, answer);
        await resultOf(() => pushIfRequired(fetch, request, signal), 'authorization_denied', ...unusable);
        await resultOf(
          () => exchangeCode(fetch, request, code, 0, signal),
          'authorization_denied',
          ...unusable,
        );
      }
      await resultOf(
        () => registerClient(fetch, server, redirectUri, signal),
        'pkce_unsupported',
        'registration_unsupported',
        'registration_refused',
        ...unusable,
      );
      await resultOf(
        () => requestDeviceCode(fetch, server, client, { resource }, signal),
        'device_code_unsupported',
        'authorization_denied',
        ...unusable,
      );
      await resultOf(() => refreshTokens(fetch, server, credential, refreshToken, 0), ...unusable);
      await resultOf(() => revokeGrant(fetch, server, credential), ...unusable);
      await resultOf(() => introspectGrant(fetch, server, credential, refreshToken, signal), ...unusable);
      const documented = metadataDocumentClient(server, 'https://example.com/client.json');
      if (documented !== undefined) assert.match(text, /"client_id_metadata_document_supported":true/);
    },
  );
});
