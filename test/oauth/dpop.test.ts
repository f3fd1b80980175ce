import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { decodeProtectedHeader, importJWK, jwtVerify, type JWK } from 'jose';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { keyFor, requireBound, resourceProof } from '../../src/oauth/dpop.js';

const server = { issuer: 'https://as.example.com', dpop_signing_alg_values_supported: ['ES256'] };
const token = new Secret('bound-token');
const url = 'https://mcp.example.com/mcp';

async function newKey(): Promise<Secret> {
  const key = await keyFor(true, server);
  assert.ok(key !== undefined);
  return key;
}

/** What a resource reads out of a proof (RFC 9449 §4.3). */
async function read(proof: string) {
  const { jwk, typ, alg } = decodeProtectedHeader(proof);
  const { payload } = await jwtVerify(proof, await importJWK(jwk as JWK, alg));
  return { typ, jwk: jwk as JWK, payload };
}

describe('a proof that a bound token is ours (RFC 9449)', () => {
  it('is for one request, one token and one key, and shows the public half alone', async () => {
    const key = await newKey();
    const { typ, jwk, payload } = await read(
      (await resourceProof(key, token, 'POST', `${url}?tenant=a`)).header,
    );
    const ath = createHash('sha256').update(token.reveal()).digest('base64url');
    assert.deepEqual([typ, payload['htm'], payload['htu'], payload['ath']], ['dpop+jwt', 'POST', url, ath]);
    const { d, ...shared } = JSON.parse(key.reveal()) as JWK;
    assert.equal(typeof d, 'string');
    assert.deepEqual(jwk, shared);
  });

  it('is never the same', async () => {
    const key = await newKey();
    const ids = [1, 2].map(
      async () => (await read((await resourceProof(key, token, 'POST', url)).header)).payload.jti,
    );
    const [one, other] = await Promise.all(ids);
    assert.notEqual(one, other);
  });

  it('carries the last nonce of the server that it is for, and no other’s', async () => {
    const key = await newKey();
    const nonceAt = async (address: string, next?: string) => {
      const proof = await resourceProof(key, token, 'POST', address);
      if (next !== undefined) await proof.noted(next);
      return (await read(proof.header)).payload['nonce'];
    };
    assert.equal(await nonceAt(url, 'n-1'), undefined);
    assert.equal(await nonceAt(url), 'n-1');
    assert.equal(await nonceAt(url, 'n-2'), 'n-1');
    assert.equal(await nonceAt(url), 'n-2');
    assert.equal(await nonceAt('https://other.example.com/mcp'), undefined);
  });

  it('is of no use beside a token that anybody could use: an unbound answer is refused', async () => {
    const key = await newKey();
    const granted = { accessToken: token };
    requireBound(key, { ...granted, isBound: true }, server.issuer);
    requireBound(undefined, granted, server.issuer);
    assert.throws(
      () => requireBound(key, granted, server.issuer),
      (error) => hasCode(error, 'dpop_unsupported'),
    );
  });

  it('needs a key only where the resource wants one, and is refused where the issuer cannot use it', async () => {
    assert.equal(await keyFor(undefined, { issuer: server.issuer }), undefined);
    const others = { ...server, dpop_signing_alg_values_supported: ['RS256'] };
    for (const unable of [{ issuer: server.issuer }, others])
      await assert.rejects(keyFor(true, unable), (error) => hasCode(error, 'dpop_unsupported'));
  });
});
