import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';

/** For whom and with which rights a request was made. */
export interface Bearer {
  readonly subject: string;
  readonly name: string;
  readonly email: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly expiresAtSeconds: number;
}

export type TokenRefusal =
  'tokenExpired' | 'wrongAudience' | 'wrongIssuer' | 'badSignature' | 'tokenMalformed' | 'issuerUnreachable';

/** Judges access tokens as a protected resource must (RFC 9068 §4), with the issuer's real keys and no tolerance. */
export class AccessTokenCheck {
  readonly #issuer: string;
  readonly #audience: string;
  #keys: JWTVerifyGetKey | undefined;

  constructor(issuer: string, audience: string) {
    this.#issuer = issuer;
    this.#audience = audience;
  }

  /** The keys are fetched with the first token and whenever one names a key that is not known. */
  async judge(token: string): Promise<Bearer | TokenRefusal> {
    try {
      this.#keys ??= await keysOf(this.#issuer);
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer: this.#issuer,
        audience: this.#audience,
        algorithms: ['RS256'],
        typ: 'at+jwt',
        clockTolerance: 0,
        requiredClaims: ['sub', 'exp', 'client_id'],
      });
      const text = (claim: string) => (typeof payload[claim] === 'string' ? payload[claim] : '');
      return {
        subject: text('sub'),
        name: text('name'),
        email: text('email'),
        clientId: text('client_id'),
        scopes: text('scope').split(' ').filter(Boolean),
        expiresAtSeconds: payload.exp ?? 0,
      };
    } catch (error) {
      return refusalOf(error);
    }
  }
}

async function keysOf(issuer: string): Promise<JWTVerifyGetKey> {
  const answer = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  const { jwks_uri: uri } = (await answer.json()) as { readonly jwks_uri: string };
  // No pause between fetches: an issuer that comes back with new keys is something the tests do.
  return createRemoteJWKSet(new URL(uri), { cooldownDuration: 0 });
}

function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'tokenExpired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'wrongAudience';
    return error.claim === 'iss' ? 'wrongIssuer' : 'tokenMalformed';
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'badSignature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'badSignature';
  const isMalformed =
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JOSEAlgNotAllowed;
  // What is left came from fetching the keys: not the token's fault.
  return isMalformed ? 'tokenMalformed' : 'issuerUnreachable';
}
