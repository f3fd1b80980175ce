import * as oauth from 'oauth4webapi';
import { BrokerError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { Proof } from '../core/token-source.js';
import type { AuthorizationServer } from './authorization-server.js';
import type { GrantedTokens } from './token-answer.js';

/** The one algorithm that everybody who knows DPoP knows. */
const algorithm = 'ES256';
const curve = { name: 'ECDSA', namedCurve: 'P-256' };

/** Each key with the nonces that servers have given for it. */
const handles = new WeakMap<Secret, Promise<oauth.DPoPHandle>>();

/**
 * A new key for the tokens of a resource that wants them bound, as a private JWK.
 * @returns undefined where bearer tokens will do
 * @throws BrokerError `dpop_unsupported` where they will not, and `server` binds none in our way (RFC 9449 §5.1)
 */
export async function keyFor(
  wantsDpop: boolean | undefined,
  { issuer, dpop_signing_alg_values_supported: offered }: AuthorizationServer,
): Promise<Secret | undefined> {
  if (wantsDpop !== true) return undefined;
  if (offered?.includes(algorithm) !== true) throw unbound(issuer);
  return newDpopKey();
}

/**
 * Refuses tokens that were to be bound to `key` and are not: whoever finds one could use it.
 * @throws BrokerError `dpop_unsupported`
 */
export function requireBound(key: Secret | undefined, { isBound }: GrantedTokens, issuer: string): void {
  if (key !== undefined && isBound !== true) throw unbound(issuer);
}

const unbound = (issuer: string): BrokerError =>
  new BrokerError('dpop_unsupported', `${JSON.stringify(issuer)} does not bind tokens to a key.`, {
    details: { issuer },
  });

/** Names the public half of `key` (RFC 7638). */
export async function thumbprintOf(key: Secret): Promise<string> {
  return (await handleOf(key)).calculateThumbprint();
}

async function newDpopKey(): Promise<Secret> {
  const { privateKey } = await oauth.generateKeyPair(algorithm, { extractable: true });
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey('jwk', privateKey);
  return new Secret(JSON.stringify({ kty, crv, x, y, d }));
}

/** The option that makes oauth4webapi prove that we have `key`; none without one. */
export async function dpopOption(key: Secret | undefined): Promise<{ readonly DPoP?: oauth.DPoPHandle }> {
  return key === undefined ? {} : { DPoP: await handleOf(key) };
}

/**
 * Proves that `token`, which is bound to `key`, is ours, for one request to a resource.
 * @see RFC 9449 §4 and §9
 */
export async function resourceProof(key: Secret, token: Secret, method: string, url: string): Promise<Proof> {
  const DPoP = await handleOf(key);
  return new Promise((resolve, reject) => {
    // oauth4webapi makes proofs and keeps nonces only on the way of a request, so it is shown one that somebody else
    // sends, and of its answer the nonce.
    const whole = oauth.protectedResourceRequest(token.reveal(), method, new URL(url), undefined, undefined, {
      DPoP,
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that it stands out
      [oauth.allowInsecureRequests]: true,
      [oauth.customFetch]: (_url, { headers }) =>
        new Promise((answered) =>
          resolve({
            header: new Headers(headers).get('dpop') ?? '',
            noted: async (nonce) => {
              answered(new Response(null, { headers: { 'dpop-nonce': nonce } }));
              await whole;
            },
          }),
        ),
    });
    whole.catch(reject);
  });
}

function handleOf(key: Secret): Promise<oauth.DPoPHandle> {
  const handle = handles.get(key) ?? open(key);
  handles.set(key, handle);
  return handle;
}

async function open(key: Secret): Promise<oauth.DPoPHandle> {
  const { d, ...shared } = JSON.parse(key.reveal()) as Record<string, string>;
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey('jwk', { ...shared, ...(d !== undefined && { d }) }, curve, false, ['sign']),
    crypto.subtle.importKey('jwk', shared, curve, true, ['verify']),
  ]);
  return oauth.DPoP({}, { privateKey, publicKey });
}
