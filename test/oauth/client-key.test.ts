import assert from 'node:assert/strict';
import { decodeJwt, decodeProtectedHeader, exportJWK, exportPKCS8, generateKeyPair, jwtVerify } from 'jose';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { privateKeyJwt } from '../../src/oauth/client-key.js';

const issuer = 'https://as.example.com/tenant';

async function assertionOf(pem: string, offered?: readonly string[]) {
  const server = {
    issuer,
    ...(offered && { token_endpoint_auth_signing_alg_values_supported: [...offered] }),
  };
  const body = new URLSearchParams();
  await privateKeyJwt(new Secret(pem))(server, { client_id: 'c' }, body, new Headers());
  return body.get('client_assertion') ?? '';
}

describe('a client with a private key (RFC 7523 §2.2)', () => {
  for (const alg of ['ES256', 'ES384', 'EdDSA', 'PS256', 'RS256']) {
    it(`signs with ${alg}, for the issuer and for itself`, async () => {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      const assertion = await assertionOf(await exportPKCS8(privateKey), ['none', alg]);
      const { payload } = await jwtVerify(assertion, publicKey, { audience: issuer });
      assert.deepEqual([payload.iss, payload.sub], ['c', 'c']);
    });
  }

  it('makes a new assertion for each request', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const pem = await exportPKCS8(privateKey);
    const [one, other] = [await assertionOf(pem), await assertionOf(pem)];
    assert.notEqual(decodeJwt(one).jti, decodeJwt(other).jti);
  });

  it('says which of several keys it is, where that is known: a JWK with a name (RFC 7515 §4.1.4)', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES384', { extractable: true });
    const jwk = {
      ...(await exportJWK(privateKey)),
      kid: 'key-2',
      alg: 'ES384',
      use: 'sig',
      key_ops: ['sign'],
    };
    const assertion = await assertionOf(` ${JSON.stringify(jwk)}\n`, ['ES256', 'ES384']);
    await jwtVerify(assertion, publicKey, { audience: issuer });
    assert.deepEqual(decodeProtectedHeader(assertion), { alg: 'ES384', kid: 'key-2' });
    const unnamed = decodeProtectedHeader(await assertionOf(await exportPKCS8(privateKey), ['ES384']));
    assert.deepEqual(unnamed, { alg: 'ES384' });
    await unusable(JSON.stringify({ ...jwk, alg: 'ES256' }), ['ES256', 'ES384']);
    await unusable('{"kty":"EC","d":"sesame"}');
    await unusable('{sesame');
  });

  const unusable = (pem: string, offered?: readonly string[]) =>
    assert.rejects(assertionOf(pem, offered), (error) => {
      assert.ok(hasCode(error, 'client_key_unusable'));
      assert.doesNotMatch(JSON.stringify(error.details) + error.message, /MIG|sesame/);
      return true;
    });

  it('refuses a key that is none, without repeating it', async () => {
    await unusable('sesame');
    await unusable('-----BEGIN PRIVATE KEY-----\nsesame\n-----END PRIVATE KEY-----');
  });

  it('refuses a key for another algorithm than the issuer takes', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    await unusable(await exportPKCS8(privateKey), ['ES384']);
  });
});
