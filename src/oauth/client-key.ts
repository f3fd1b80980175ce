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
 * @param key - the private key: PKCS #8 in PEM, whose line breaks may be missing, or a JWK, whose `kid` tells the issuer
 *   which of several it is
 * @throws (from the result) BrokerError `client_key_unusable`
 * @see RFC 7523 §2.2 and §3; OpenID Connect Core §9, `private_key_jwt`
 */
export const privateKeyJwt =
  (key: Secret): oauth.ClientAuth =>
  async (server, client, body, headers) => {
    const offered = server.token_endpoint_auth_signing_alg_values_supported;
    const imported = await importKey(key, offered ?? ['RS256', ...Object.keys(algorithms)]);
    await oauth.PrivateKeyJwt(imported)(server, client, body, headers);
  };

async function importKey(text: Secret, offered: readonly string[]): Promise<oauth.PrivateKey> {
  const jwk = readJwk(text.reveal());
  const { kid, alg } = jwk ?? {};
  for (const name of offered) {
    const algorithm = algorithms[name];
    if (algorithm === undefined || (alg !== undefined && alg !== name)) continue;
    try {
      const key = await (jwk === undefined
        ? crypto.subtle.importKey('pkcs8', readPem(text.reveal()), algorithm, false, ['sign'])
        : // What else it says about its use is for others.
          crypto.subtle.importKey('jwk', withoutUse(jwk), algorithm, false, ['sign']));
      return { key, ...(typeof kid === 'string' && { kid }) };
    } catch {
      // A key for another algorithm; its error may quote nothing, and is thrown away all the same.
    }
  }
  throw new BrokerError('client_key_unusable', 'The private key is not one that the issuer takes.', {
    details: { offered: JSON.stringify(offered.slice(0, 20)) },
  });
}

function readJwk(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** RFC 7468 §10. */
function readPem(text: string): Uint8Array<ArrayBuffer> {
  const [, base64 = ''] = /-----BEGIN PRIVATE KEY-----([^-]*)-----END PRIVATE KEY-----/.exec(text) ?? [];
  return Uint8Array.from(atob(base64.replace(/\s/g, '')), (character) => character.charCodeAt(0));
}

const withoutUse = ({
  use: _use,
  key_ops: _operations,
  alg: _alg,
  ext: _ext,
  ...jwk
}: Readonly<Record<string, unknown>>) => jwk;
