import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../../src/core/client.js';
import { hasCode, type ErrorCode } from '../../src/core/errors.js';
import { Web } from '../../src/node/web.js';
import { quirks } from '../../src/oauth/authorization-server.js';
import { redeemDeviceCode, requestDeviceCode } from '../../src/oauth/device-code.js';
import { listen, readBody, type Listener } from '../support/listener.js';

const resource = 'https://mcp.example.com/mcp';

describe('a device code (RFC 8628)', () => {
  const { fetch } = new Web();
  const { signal } = new AbortController();
  let listener: Listener;
  let answer: readonly [status: number, body: unknown];
  let sent: URLSearchParams;

  before(async () => {
    listener = await listen('127.0.0.1');
    listener.serve(async (req: IncomingMessage, res: ServerResponse) => {
      sent = new URLSearchParams(await readBody(req));
      res.writeHead(answer[0], { 'content-type': 'application/json' }).end(JSON.stringify(answer[1]));
    });
  });
  after(() => listener.close());

  const given = () => ({
    device_code: 'device-1',
    user_code: 'ABCD-EFGH',
    verification_uri: `${listener.origin}/device`,
    expires_in: 600,
    interval: 7,
  });

  function ask(body: unknown = given(), status = 200, own: object = {}) {
    const issuer = listener.origin;
    const client: Client = { issuer, clientId: 'ours', authMethod: 'none', source: 'configured' };
    const endpoints = {
      device_authorization_endpoint: `${issuer}/device_authorization`,
      token_endpoint: `${issuer}/token`,
    };
    answer = [status, body];
    return requestDeviceCode(
      fetch,
      { issuer, ...endpoints, ...own },
      client,
      { resource, scopes: ['read'] },
      signal,
    );
  }

  const fails = (work: Promise<unknown>, code: ErrorCode) =>
    assert.rejects(work, (error) => hasCode(error, code));

  it('is asked for with the resource and its scopes', async () => {
    const { userCode, page, lifetimeMs, intervalMs } = await ask();
    assert.deepEqual([userCode, page], ['ABCD-EFGH', `${listener.origin}/device`]);
    assert.deepEqual([lifetimeMs, intervalMs], [600_000, 7_000]);
    assert.deepEqual(Object.fromEntries(sent), { client_id: 'ours', resource, scope: 'read' });
    await ask(given(), 200, { [quirks]: { omitResource: true, withoutScopes: ['read'] } });
    assert.deepEqual([...sent.keys()], ['client_id']);
  });

  it('is shown with the page that has the code in it, where there is one', async () => {
    const complete = `${listener.origin}/device?user_code=ABCD-EFGH`;
    assert.equal((await ask({ ...given(), verification_uri_complete: complete })).page, complete);
  });

  it('is understood as Google gives it', async () => {
    const { verification_uri: verification_url, ...others } = given();
    assert.equal((await ask({ ...others, verification_url })).page, verification_url);
    assert.equal((await ask({ ...given(), interval: null })).intervalMs, 5_000);
  });

  for (const [interval, expectedMs] of [
    ['7', 7_000],
    ['', 5_000],
    ['soon', 5_000],
    [[3], 5_000],
    [-1, 5_000],
    [0, 1_000],
    ['0', 1_000],
    [0.2, 1_000],
  ] as const) {
    it(`is asked about every ${expectedMs} ms where the interval is ${JSON.stringify(interval)}`, async () => {
      assert.equal((await ask({ ...given(), interval })).intervalMs, expectedMs);
    });
  }

  for (const page of [
    'javascript:alert(1)',
    'file:///etc/passwd',
    'http://login.example.com/device',
    'vscode://x',
  ]) {
    it(`is not shown with the page ${page}`, () =>
      fails(ask({ ...given(), verification_uri: page }), 'address_refused'));
  }

  for (const code of ['', 'A'.repeat(41), '[Sign in](command:x)', 'ABCD\nEFGH', 'https://evil.example.com']) {
    it(`is not shown when it is ${JSON.stringify(code)}`, () =>
      fails(ask({ ...given(), user_code: code }), 'token_answer_invalid'));
  }

  it('is not given, for now, for ever, or not to us', async () => {
    await fails(ask({}, 503), 'issuer_unreachable');
    await fails(ask({ error: 'invalid_scope' }, 400), 'device_code_unsupported');
    await fails(ask({ error: 'unauthorized_client' }, 400), 'client_refused');
    await fails(ask(given(), 200, { device_authorization_endpoint: undefined }), 'device_code_unsupported');
  });

  async function redeem(body: unknown, status = 400) {
    const code = await ask();
    answer = [status, body];
    return redeemDeviceCode(fetch, code, 0, signal);
  }

  it('becomes tokens', async () => {
    const redeemed = await redeem({ access_token: 'access', token_type: 'Bearer' }, 200);
    assert.ok(redeemed.kind === 'granted');
    assert.equal(redeemed.tokens.accessToken.reveal(), 'access');
    assert.equal(sent.get('device_code'), 'device-1');
    assert.equal(sent.get('resource'), resource);
  });

  describe('becomes tokens beside an ID token', () => {
    const nowSeconds = () => Math.floor(Date.now() / 1000);
    const withIdToken = (changed: object, alg = 'RS256') => {
      const claims = {
        iss: listener.origin,
        aud: 'ours',
        sub: 'u-1',
        iat: nowSeconds(),
        exp: nowSeconds() + 60,
      };
      const parts = [JSON.stringify({ alg }), JSON.stringify({ ...claims, ...changed }), 'signature'];
      const idToken = parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
      return { access_token: 'access', token_type: 'Bearer', id_token: idToken };
    };

    it('with any signature, where nobody says which there are', async () => {
      const redeemed = await redeem(withIdToken({}, 'ES256'), 200);
      assert.equal(redeemed.kind === 'granted' && redeemed.tokens.identity?.sub, 'u-1');
    });

    it('of now, although the clock of this computer is minutes off, and of no other time', async () => {
      const redeemed = await redeem(withIdToken({ exp: nowSeconds() - 240 }), 200);
      assert.equal(redeemed.kind, 'granted');
      await fails(redeem(withIdToken({ exp: nowSeconds() - 3_600 }), 200), 'clock_wrong');
    });
  });

  it('is asked about again, less often when the server says so or does not answer', async () => {
    const pending = async (body: unknown, status?: number) => {
      const redeemed = await redeem(body, status);
      assert.ok(redeemed.kind === 'pending');
      return redeemed.longerByMs;
    };
    assert.equal(await pending({ error: 'authorization_pending' }), 0);
    assert.equal(await pending({ error: 'authorization_pending' }, 428), 0);
    assert.equal(await pending({ error: 'slow_down' }), 5_000);
    assert.equal(await pending({ error: 'slow_down' }, 403), 5_000);
    assert.equal(await pending('down', 503), 7_000);
    const code = await ask();
    const never = () => Promise.reject(new TypeError('fetch failed'));
    assert.deepEqual(await redeemDeviceCode(never, code, 0, signal), { kind: 'pending', longerByMs: 7_000 });
  });

  it('is refused in words that do not repeat it', async () => {
    const refusal = redeem({ error: 'access_denied', error_description: 'device-1 is not good.' }, 403);
    await assert.rejects(
      refusal,
      (error) =>
        hasCode(error, 'authorization_denied') && error.details['reason'] === '"[redacted] is not good."',
    );
  });

  it('ends when it has expired or is refused', async () => {
    await fails(redeem({ error: 'expired_token' }), 'sign_in_timeout');
    await fails(redeem({ error: 'access_denied' }, 403), 'authorization_denied');
    await fails(redeem({ error: 'invalid_client' }, 401), 'client_refused');
    await fails(redeem({ token_type: 'Bearer' }, 200), 'token_answer_invalid');
  });
});
