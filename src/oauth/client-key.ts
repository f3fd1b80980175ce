import * as oauth from 'oauth4webapi';
import { BrokerError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';

/** What Web Crypto calls the algorithms of JOSE (RFC 7518 §3.1), the more modern first. */
const algorithms: Readonly<Record<string, Parameters<typeof crypto.subtle.importKey>[2]>> = {
  EdDSA: { name: 'Ed25519' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
};

/**
 * Proves a client by a JWT that it signs, made anew for each request; its audience is the issuer.
 * @param pem - the private key as PKCS #8; line breaks may be missing
 * @throws (from the result) BrokerError `client_key_unusable`
 * @see RFC 7523 §2.2 and §3; OpenID Connect Core §9, `private_key_jwt`
 */
export const privateKeyJwt =
  (pem: Secret): oauth.ClientAuth =>
  async (server, client, body, headers) => {
    const offered = server.token_endpoint_auth_signing_alg_values_supported;
    const key = await importKey(pem, offered ?? ['RS256', ...Object.keys(algorithms)]);
    await oauth.PrivateKeyJwt(key)(server, client, body, headers);
  };

async function importKey(pem: Secret, offered: readonly string[]): Promise<oauth.CryptoKey> {
  const [, base64 = ''] =
    /-----BEGIN PRIVATE KEY-----([^-]*)-----END PRIVATE KEY-----/.exec(pem.reveal()) ?? [];
  for (const name of offered) {
    const algorithm = algorithms[name];
    if (algorithm === undefined || base64 === '') continue;
    try {
      const bytes = Uint8Array.from(atob(base64.replace(/\s/g, '')), (character) => character.charCodeAt(0));
      return await crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign']);
    } catch {
      // A key for another algorithm; its error may quote nothing, and is thrown away all the same.
    }
  }
  throw new BrokerError('client_key_unusable', 'The private key is not one that the issuer takes.', {
    details: { offered: JSON.stringify(offered) },
  });
}
