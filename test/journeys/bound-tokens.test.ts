import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  importJWK,
  type JWK,
  jwtVerify,
} from 'jose';
import { serversSetting, useGround } from '../support/ground.js';
import { answerRpc } from '../support/scripted-resource.js';

/** Takes a token only with a proof that fits it, and wants a nonce of its own in it (RFC 9449 §7 and §9). */
class ProvingResource {
  readonly faults: string[] = [];
  readonly keys = new Set<unknown>();
  readonly proofs = new Set<unknown>();
  readonly tokens = new Set<string>();
  nonce = 'nonce-1';
  /** Whether each nonce is for one request, and the answer brings the next (RFC 9449 §8.2). */
  isRotating = false;
  /** How many requests had to be repeated with a nonce. */
  repeats = 0;
  addresses = new Set<unknown>();

  readonly handle = async (req: IncomingMessage, res: ServerResponse, body: string): Promise<void> => {
    const { authorization = '', dpop } = req.headers;
    const [scheme = '', token = ''] = authorization.split(' ');
    const { jwk, alg } = decodeProtectedHeader(String(dpop));
    const { payload } = await jwtVerify(String(dpop), await importJWK(jwk as JWK, alg));
    const { cnf } = decodeJwt<{ cnf?: { jkt?: string } }>(token);
    const isOurs = cnf?.jkt === (await calculateJwkThumbprint(jwk as JWK));
    const ath = createHash('sha256').update(token).digest('base64url');
    const isFor = payload['ath'] === ath && payload['htm'] === req.method;
    if (scheme !== 'DPoP' || !isOurs || !isFor || this.proofs.has(payload.jti))
      this.faults.push(JSON.stringify({ scheme, isOurs, isFor, payload }));
    this.proofs.add(payload.jti);
    this.keys.add(cnf?.jkt);
    this.tokens.add(token);
    this.addresses.add(payload['htu']);
    const isCurrent = payload['nonce'] === this.nonce;
    if (this.isRotating) this.nonce = `nonce-${this.proofs.size + 1}`;
    if (isCurrent) answerRpc(res, body, { ok: true }, { 'dpop-nonce': this.nonce });
    else {
      this.repeats += 1;
      res
        .writeHead(401, { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': this.nonce })
        .end();
    }
  };
}

describe('a server that takes bound tokens only', () => {
  const ground = useGround();

  async function signedIn() {
    const issuer = await ground.issuer({ bindsTokens: true });
    const resource = await ground.resource(issuer);
    resource.metadata = { dpop_bound_access_tokens_required: true };
    const proving = new ProvingResource();
    resource.handle = proving.handle;
    const user = serversSetting([resource]);
    const { window } = ground.window({ user });
    assert.match((await window.signIn()).text, /You are signed in/);
    return { issuer, resource, proving, user, window };
  }

  it('is not signed in for where its authorization server binds none: the user is told, before any browser', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    resource.metadata = { dpop_bound_access_tokens_required: true };
    const { window } = ground.window({ user: serversSetting([resource]), browse: undefined });
    await window.ready;
    const run = window.run('signIn');
    (await window.editor.window.message(/takes only tokens that are bound to a key/)).close();
    await run;
    assert.equal(issuer.counts().registrations, 0);
  });

  it('has its code bound to the same key as its tokens (RFC 9449 §10)', async () => {
    const { proving, window, resource } = await signedIn();
    const { url, headers } = await window.definition('tickets');
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    await fetch(url, { method: 'POST', headers, body: call });
    const { searchParams } = new URL(window.editor.opened[0] ?? '');
    assert.deepEqual([searchParams.get('dpop_jkt')], [...proving.keys]);
    assert.deepEqual([...proving.addresses], [resource.url]);
  });

  it('may give the nonce of the next request with every answer, and need not ask for it', async () => {
    const { resource, proving, window } = await signedIn();
    proving.isRotating = true;
    const { url, headers } = await window.definition('tickets');
    const post = async (length = 0) => {
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { text: 'x'.repeat(length) } };
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(call) });
      return answer.text();
    };
    const fine = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { ok: true } });
    const large = 1_100_000; // More than is kept to be sent again.
    assert.equal(await post(large), '');
    assert.ok(window.log(/nonce_wanted/));
    assert.equal(proving.repeats, 1);
    for (const length of [large, 0, 0, large]) assert.equal(await post(length), fine);
    assert.equal(proving.repeats, 1);
    assert.deepEqual(proving.faults, []);
    assert.deepEqual([...proving.addresses], [resource.url]);
    assert.equal(proving.tokens.size, 1, 'A nonce is no reason to renew a token.');
  });

  it('gets a fresh proof with each request, across renewals and restarts, and nonces are followed', async () => {
    const { issuer, proving, user, window } = await signedIn();

    const post = async (mine = window) => {
      const { url, headers } = await mine.definition('tickets');
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
      // A proof of the caller is none of ours.
      const sent = { ...headers, dpop: 'forged' };
      const answer = await fetch(url, { method: 'POST', headers: sent, body: JSON.stringify(call) });
      assert.equal(answer.headers.get('dpop-nonce'), null);
      return answer.json();
    };
    const fine = { jsonrpc: '2.0', id: 1, result: { ok: true } };
    assert.deepEqual(await post(), fine);
    proving.nonce = 'nonce-2';
    assert.deepEqual(await post(), fine);
    window.clock.leap(70_000);
    assert.deepEqual(await post(), fine);
    assert.equal(issuer.counts().refreshes, 1);
    await window.close();

    const { window: again } = ground.window({ stores: window.stores, user, browse: undefined });
    await again.ready;
    again.clock.leap(140_000);
    assert.deepEqual(await post(again), fine);
    assert.deepEqual(proving.faults, []);
    assert.deepEqual([proving.keys.size, proving.tokens.size], [1, 3]);
    const kept = window.stores.secrets.values.get(window.stores.credentialKeys[0] ?? '') ?? '';
    const { d } = JSON.parse((JSON.parse(kept) as { tokens: { dpopKey: string } }).tokens.dpopKey) as JWK;
    assert.ok(d !== undefined && !window.remains.includes(d) && !again.remains.includes(d));
  });
});
