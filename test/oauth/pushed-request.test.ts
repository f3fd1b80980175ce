import assert from 'node:assert/strict';
import { describeError, hasCode, type ErrorCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { AuthorizationRequest } from '../../src/oauth/authorization.js';
import { pushIfRequired } from '../../src/oauth/pushed-request.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

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

  describe('where it is demanded', () => {
    const endpoint = `${issuer}/par`;
    const demanded = { ...request.server, pushed_authorization_request_endpoint: endpoint };
    const push = (answer: Response) =>
      pushIfRequired(
        new ScriptedFetch({ [`POST ${endpoint}`]: answer }).fetch,
        { ...request, server: demanded },
        signal,
      );
    const pushed = { request_uri: 'urn:example:1', expires_in: 60 };

    for (const status of [201, 200]) {
      it(`leaves a reference to the browser, which is answered by ${status}`, async () => {
        const { searchParams } = new URL((await push(json(pushed, status))).url);
        assert.deepEqual(Object.fromEntries(searchParams), {
          client_id: 'c',
          request_uri: 'urn:example:1',
          state: 'state-1',
        });
      });
    }

    const failures: readonly (readonly [string, Response, ErrorCode])[] = [
      ['503 with an error', json({ error: 'temporarily_unavailable' }, 503), 'issuer_unreachable'],
      ['500 with a refusal', json({ error: 'access_denied' }, 500), 'issuer_unreachable'],
      ['429 with a refusal', json({ error: 'invalid_request' }, 429), 'issuer_unreachable'],
      ['400 that may pass', json({ error: 'server_error' }, 400), 'issuer_unreachable'],
      ['400', json({ error: 'invalid_request' }, 400), 'authorization_denied'],
      ['401', json({ error: 'invalid_client' }, 401), 'client_refused'],
      ['200 without a reference', json({}), 'issuer_unreachable'],
      ['a page', page(200), 'issuer_unreachable'],
    ];
    for (const [what, answer, code] of failures) {
      it(`fails on ${what} with ${code}`, () =>
        assert.rejects(push(answer), (error) => hasCode(error, code)));
    }
  });

  it('leaves the request as it is where nobody demands more', async () => {
    const plain = { ...request, server: { issuer } };
    assert.equal(await pushIfRequired(new ScriptedFetch({}).fetch, plain, signal), plain);
  });
});
