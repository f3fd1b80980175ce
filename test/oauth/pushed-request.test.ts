import assert from 'node:assert/strict';
import { describeError, hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { AuthorizationRequest } from '../../src/oauth/authorization.js';
import { pushIfRequired } from '../../src/oauth/pushed-request.js';
import { json, ScriptedFetch } from './scripted-fetch.js';

const issuer = 'https://as.example.com';
const { signal } = new AbortController();

const request: AuthorizationRequest = {
  server: { issuer, require_pushed_authorization_requests: true },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  url: `${issuer}/authorize?state=state-1`,
  resource: 'https://mcp.example.com/mcp',
  scopes: [],
  redirectUri: 'http://127.0.0.1:4000/callback',
  state: 'state-1',
  codeVerifier: new Secret('verifier-1'),
};

describe('pushIfRequired (RFC 9126 §5)', () => {
  it('fails with a code where pushing is demanded and no place for it is named', async () => {
    const pushing = pushIfRequired(new ScriptedFetch({}).fetch, request, signal);
    await assert.rejects(pushing, (error) => hasCode(error, 'metadata_missing'));
  });

  it('repeats no client secret in the words of a refusal (RFC 9126 §2.3)', async () => {
    const clientSecret = new Secret('sesame');
    const pushing: AuthorizationRequest = {
      ...request,
      server: { ...request.server, pushed_authorization_request_endpoint: `${issuer}/par` },
      client: { ...request.client, clientSecret, authMethod: 'client_secret_post' },
    };
    const refusal = { error: 'invalid_request', error_description: 'client_secret sesame is wrong' };
    const { fetch, seen } = new ScriptedFetch({ [`POST ${issuer}/par`]: json(refusal, 400) });
    await assert.rejects(pushIfRequired(fetch, pushing, signal), (error) => {
      assert.ok(hasCode(error, 'authorization_denied'));
      assert.equal(error.details['reason'], JSON.stringify('client_secret [redacted] is wrong'));
      return !describeError(error).includes('sesame');
    });
    assert.match(seen[0]?.body ?? '', /client_secret=sesame/);
  });

  it('leaves the request as it is where nobody demands more', async () => {
    const plain = { ...request, server: { issuer } };
    assert.equal(await pushIfRequired(new ScriptedFetch({}).fetch, plain, signal), plain);
  });
});
