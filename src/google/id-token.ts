/** What an ID token says that came straight from Google, over a connection to it. */
export interface IdTokenClaims {
  readonly audience: string;
  readonly subject?: string;
  /** An address that Google has verified. */
  readonly email?: string;
  readonly lifetimeSeconds: number;
}

/** @returns undefined when `token` is no ID token */
export function claimsOf(token: string): IdTokenClaims | undefined {
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  const {
    aud,
    sub,
    email,
    email_verified: verified,
    iat,
    exp,
  } = Object(claims) as Readonly<Record<string, unknown>>;
  if (typeof aud !== 'string' || typeof iat !== 'number' || typeof exp !== 'number') return undefined;
  return {
    audience: aud,
    // Both are Google's, so that the clock of this computer does not matter.
    lifetimeSeconds: exp - iat,
    ...(typeof sub === 'string' && sub !== '' && { subject: sub }),
    ...(verified === true && typeof email === 'string' && email !== '' && { email }),
  };
}
