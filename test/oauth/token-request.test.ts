import assert from 'node:assert/strict';
import type { Client } from '../../src/core/client.js';
import type { LiveCredential } from '../../src/core/credential.js';
import { hasCode, type ErrorCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { AuthorizationRequest } from '../../src/oauth/authorization.js';
import { authorizationRequest, readAuthorizationResponse } from '../../src/oauth/authorization.js';
import { exchangeCode, refreshTokens } from '../../src/oauth/token-request.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const issuer = 'https://as.example.com';
const resource = 'https://mcp.example.com/mcp';
const redirectUri = 'http://127.0.0.1:1234/callback';
const server = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  code_challenge_methods_supported: ['S256'],
};
const publicClient: Client = { issuer, clientId: 'client:1', authMethod: 'none', source: 'dynamic' };
const confidential: Client = {
  ...publicClient,
  clientSecret: new Secret('s/e c'),
  authMethod: 'client_secret_basic',
};
const granted = {
  access_token: 'access-2',
  token_type: 'bearer',
  refresh_token: 'refresh-2',
  expires_in: 60,
};
const at = `POST ${issuer}/token`;

const idToken = (claims: object, alg = 'RS256'): string =>
  [JSON.stringify({ alg }), JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

describe('exchangeCode (OAuth 2.1 §4.1.3)', () => {
  async function exchange(
    answer: Response | (() => Response),
    { client = publicClient, scopes = ['a'] } = {},
  ) {
    const scripted = new ScriptedFetch({ [at]: answer });
    const offering = { ...server, scopes_supported: scopes };
    const request: AuthorizationRequest = await authorizationRequest(offering, client, {
      resource,
      redirectUri,
      state: 'state-1',
      chooseAccount: false,
      scopes,
    });
    const parameters = readAuthorizationResponse(
      request,
      new URL(`${redirectUri}?code=code-1&state=state-1`),
    );
    const { signal } = new AbortController();
    const work = exchangeCode(scripted.fetch, request, parameters, Date.now(), signal);
    return { scripted, request, tokens: await work };
  }

  it('sends code, verifier, redirect URI and resource (RFC 7636 §4.5, RFC 8707 §2.2)', async () => {
    const { scripted, request, tokens } = await exchange(json(granted));
    assert.deepEqual(scripted.form, {
      grant_type: 'authorization_code',
      code: 'code-1',
      redirect_uri: redirectUri,
      code_verifier: request.codeVerifier.reveal(),
      client_id: 'client:1',
      resource,
    });
    assert.equal(tokens.accessToken.reveal(), 'access-2');
  });

  it('proves a confidential client with Basic, encoded first (RFC 6749 §2.3.1)', async () => {
    const { scripted } = await exchange(json(granted), { client: confidential });
    const expected = Buffer.from('client%3A1:s%2Fe+c').toString('base64');
    assert.equal(scripted.seen[0]?.headers.get('authorization'), `Basic ${expected}`);
    assert.ok(!('client_secret' in scripted.form));
  });

  it('leaves what needs no encoding as it is, for servers that forget to decode Basic', async () => {
    const client = { ...confidential, clientId: 'my-client_1.0' };
    const { scripted } = await exchange(json(granted), { client });
    const expected = Buffer.from('my-client_1.0:s%2Fe+c').toString('base64');
    assert.equal(scripted.seen[0]?.headers.get('authorization'), `Basic ${expected}`);
  });

  it('proves a confidential client in the form where it is registered so (RFC 6749 §2.3.1)', async () => {
    const client: Client = { ...confidential, authMethod: 'client_secret_post' };
    const { scripted } = await exchange(json(granted), { client });
    assert.equal(scripted.form['client_secret'], 's/e c');
    assert.equal(scripted.seen[0]?.headers.get('authorization'), null);
  });

  const scopes = ['openid'];
  const nowSeconds = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, aud: 'client:1', sub: 'u-1', iat: nowSeconds, exp: nowSeconds + 3600 };

  async function exchangeWithIdToken(changed: object = {}, alg = 'RS256', more: object = {}) {
    let nonce = '';
    const scripted = new ScriptedFetch({
      [at]: () => json({ ...granted, id_token: idToken({ ...claims, nonce, ...changed }, alg) }),
    });
    const offering = { ...server, scopes_supported: scopes, ...more };
    const request = await authorizationRequest(offering, publicClient, {
      resource,
      redirectUri,
      state: 's',
      chooseAccount: false,
      scopes: ['read'],
    });
    nonce = request.nonce ?? '';
    const parameters = readAuthorizationResponse(request, new URL(`${redirectUri}?code=c&state=s`));
    const { signal } = new AbortController();
    return exchangeCode(scripted.fetch, request, parameters, Date.now(), signal);
  }

  it('takes who signed in from the ID token, when it is for this request (OpenID Connect Core §3.1.3.7)', async () => {
    assert.equal((await exchangeWithIdToken()).identity?.sub, 'u-1');
  });

  it('takes one with any signature where nobody says which there are (RFC 8414 has no word for it)', async () => {
    for (const alg of ['ES256', 'PS256', 'EdDSA'])
      assert.equal((await exchangeWithIdToken({}, alg)).identity?.sub, 'u-1');
  });

  it('refuses one with another signature than the issuer says, or with none', async () => {
    const offered = { id_token_signing_alg_values_supported: ['RS256'] };
    const isInvalid = (error: unknown) => hasCode(error, 'token_answer_invalid');
    await assert.rejects(exchangeWithIdToken({}, 'ES256', offered), isInvalid);
    await assert.rejects(exchangeWithIdToken({}, 'none'), isInvalid);
  });

  const [minute, hour] = [60, 3600];
  /** At the time of the test: others may have taken minutes before it. */
  const present = () => Math.floor(Date.now() / 1000);
  it('takes one although the clock of this computer is minutes off', async () => {
    const now = present();
    for (const times of [
      { nbf: now + 4 * minute, iat: now + 4 * minute, exp: now + hour },
      { iat: now - 9 * minute, exp: now - 4 * minute },
    ])
      assert.equal((await exchangeWithIdToken(times)).identity?.sub, 'u-1');
  });

  it('says that the clock is wrong where it is off by more', async () => {
    const now = present();
    for (const times of [
      { nbf: now + hour, iat: now + hour, exp: now + 2 * hour },
      { iat: now - 2 * hour, exp: now - hour },
    ])
      await assert.rejects(exchangeWithIdToken(times), (error) => hasCode(error, 'clock_wrong'));
  });

  it('goes on without an ID token when the server grants none', async () => {
    const { tokens } = await exchange(json({ ...granted, scope: 'a' }), { scopes });
    assert.equal(tokens.identity, undefined);
    assert.equal(tokens.accessToken.reveal(), 'access-2');
  });

  const flawed: readonly (readonly [string, object])[] = [
    ['of another request (nonce)', { ...claims, nonce: 'other' }],
    ['without a nonce', claims],
    ['of another issuer', { ...claims, iss: 'https://attacker.example' }],
    ['for another client', { ...claims, aud: 'client:2' }],
  ];
  for (const [what, body] of flawed) {
    it(`refuses an ID token ${what}`, () =>
      assert.rejects(exchange(json({ ...granted, id_token: idToken(body) }), { scopes }), (error) =>
        hasCode(error, 'token_answer_invalid'),
      ));
  }

  const failures: readonly (readonly [string, Response | (() => Response), ErrorCode])[] = [
    ['invalid_grant', json({ error: 'invalid_grant' }, 400), 'authorization_denied'],
    ['invalid_client', json({ error: 'invalid_client' }, 401), 'client_refused'],
    ['503', page(503), 'issuer_unreachable'],
    ['a page', page(200), 'issuer_unreachable'],
    [
      'no answer',
      () => {
        throw new TypeError('fetch failed');
      },
      'issuer_unreachable',
    ],
  ];
  for (const [what, answer, code] of failures) {
    it(`fails on ${what} with ${code}`, () =>
      assert.rejects(exchange(answer), (error) => hasCode(error, code)));
  }

  it('quotes what the token endpoint says', () =>
    assert.rejects(
      exchange(json({ error: 'invalid_grant', error_description: 'Say "yes"' }, 400)),
      (error) => {
        assert.ok(hasCode(error, 'authorization_denied'));
        assert.deepEqual(
          [error.details['error'], error.details['reason']],
          ['invalid_grant', '"Say \\"yes\\""'],
        );
        return true;
      },
    ));
});

describe('refreshTokens (OAuth 2.1 §4.3)', () => {
  const credential: LiveCredential = {
    account: { issuer, subject: 'u-1', label: 'alice@example.com' },
    client: publicClient,
    resource,
    generation: 1,
    scopes: ['a'],
    tokens: { kind: 'alive', accessToken: new Secret('access-1'), issuedAtMs: 0 },
  };
  async function refresh(
    answer: Response | (() => Response),
    changed: Partial<LiveCredential> = {},
    asked: object = server,
  ) {
    const scripted = new ScriptedFetch({ [at]: answer });
    const used = { ...credential, ...changed };
    const refreshToken = new Secret('refresh-1');
    const judged = await refreshTokens(scripted.fetch, { issuer, ...asked }, used, refreshToken, Date.now());
    return { scripted, judged };
  }

  it('sends the refresh token and the resource, and no scope, so that none is lost (RFC 6749 §6)', async () => {
    const { scripted, judged } = await refresh(json(granted));
    assert.deepEqual(scripted.form, {
      grant_type: 'refresh_token',
      refresh_token: 'refresh-1',
      resource,
      client_id: 'client:1',
    });
    assert.equal(judged.kind, 'granted');
  });

  it('proves a confidential client', async () => {
    const { scripted } = await refresh(json(granted), { client: confidential });
    assert.match(scripted.seen[0]?.headers.get('authorization') ?? '', /^Basic /);
  });

  it('does not lose the new refresh token to a flawed ID token beside it', async () => {
    for (const flaw of ['nonsense', idToken({ iss: 'https://attacker.example' }), 7]) {
      const { judged } = await refresh(json({ ...granted, id_token: flaw }));
      assert.equal(judged.kind === 'granted' && judged.tokens.refreshToken?.reveal(), 'refresh-2');
    }
  });

  it('answers unavailable when nothing arrives', async () => {
    const { judged } = await refresh(() => {
      throw new TypeError('fetch failed');
    });
    assert.ok(judged.kind === 'unavailable' && judged.error.code === 'issuer_unreachable');
  });

  for (const error of ['forbidden', 'not_found', 'bad_request', 'rate_limited', 'unauthorized', 'timeout']) {
    it(`does not take a gateway’s ${error} for the end of the grant`, async () => {
      const { judged } = await refresh(json({ error }, 403));
      assert.ok(judged.kind === 'unavailable' && judged.error.code === 'issuer_unreachable');
    });
  }

  for (const error of ['invalid_grant', 'invalid_client', 'bad_refresh_token', 'login_required']) {
    it(`takes ${error} for the end of the grant`, async () => {
      const { judged } = await refresh(json({ error }, 400));
      assert.equal(judged.kind, 'refused');
    });
  }

  it('repeats no token that the issuer tells as it was sent, in the encoding of forms', async () => {
    const scripted: ScriptedFetch = new ScriptedFetch({
      [at]: () =>
        json({ error: 'invalid_grant', error_description: `Bad body: ${scripted.seen.at(-1)?.body}` }, 400),
    });
    const refreshToken = new Secret('1//0gABCdef+xyz/secret');
    const judged = await refreshTokens(scripted.fetch, server, credential, refreshToken, Date.now());
    assert.ok(judged.kind === 'refused');
    assert.match(judged.description, /^Bad body: .*\brefresh_token=\[redacted\]/);
    assert.ok(!judged.description.includes('0gABCdef'));
  });

  it('repeats no header that the client has proved itself with', async () => {
    const scripted: ScriptedFetch = new ScriptedFetch({
      [at]: () =>
        json(
          {
            error: 'invalid_client',
            error_description: `Got ${scripted.seen.at(-1)?.headers.get('authorization')}`,
          },
          401,
        ),
    });
    const used = { ...credential, client: confidential };
    const judged = await refreshTokens(scripted.fetch, server, used, new Secret('refresh-1'), Date.now());
    assert.ok(judged.kind === 'refused');
    assert.equal(judged.description, 'Got Basic [redacted]');
  });

  it('throws when the certificate is not trusted: trying again does not help', () =>
    assert.rejects(
      refresh(() => {
        throw new TypeError('fetch failed', {
          cause: Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }),
        });
      }),
      (error) => hasCode(error, 'tls_untrusted'),
    ));

  it('sends no token to an address in plain text', async () => {
    const asking = refresh(json(granted), {}, { token_endpoint: 'http://as.example.com/token' });
    await assert.rejects(asking, (error) => hasCode(error, 'address_refused'));
  });
});
