import assert from 'node:assert/strict';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { AuthorizationRequest } from '../../src/oauth/authorization.js';
import { pushIfRequired } from '../../src/oauth/pushed-request.js';
import { ScriptedFetch } from './scripted-fetch.js';

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

  it('leaves the request as it is where nobody demands more', async () => {
    const plain = { ...request, server: { issuer } };
    assert.equal(await pushIfRequired(new ScriptedFetch({}).fetch, plain, signal), plain);
  });
});
