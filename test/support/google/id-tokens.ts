import { createPublicKey, randomBytes } from 'node:crypto';
import { importJWK, jwtVerify, SignJWT } from 'jose';
import { makeSigningKey } from '../authorization-provider.js';
import type { ServiceAccount } from './service-accounts.js';

export type GoogleKey = Awaited<ReturnType<typeof makeGoogleKey>>;

/** The key that signs every ID token, under the id by which one finds it among the published ones. */
export async function makeGoogleKey() {
  return { ...(await makeSigningKey()), kid: randomBytes(20).toString('hex') };
}

/** What is published of it, by its id, for those who want PEM. */
export const asPem = (key: GoogleKey): Readonly<Record<string, string>> => ({
  [key.kid]: createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString(),
});

/** Whom an ID token speaks for. */
export interface IdTokenBearer {
  readonly subject: string;
  readonly email: string;
}

/** Google's ID tokens that name an audience of the caller's choice, signed with the key of all the others. */
export class IdTokens {
  constructor(
    private readonly issuer: string,
    private readonly key: GoogleKey,
    private readonly issuedSecrets: Set<string>,
  ) {}

  async forAccount(
    { email, uniqueId }: Pick<ServiceAccount, 'email' | 'uniqueId'>,
    audience: string,
    includesEmail = true,
  ): Promise<string> {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const text = await new SignJWT({
      azp: uniqueId,
      ...(includesEmail ? { email, email_verified: true } : {}),
    })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: this.key.kid })
      .setIssuer(this.issuer)
      .setSubject(uniqueId)
      .setAudience(audience)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + 3600)
      .sign(await importJWK(this.key));
    this.issuedSecrets.add(text);
    return text;
  }

  /** @returns whom it speaks for, or why it is none for this audience: `other-audience`, else `invalid` */
  async judge(
    text: string,
    audiences: readonly string[],
  ): Promise<IdTokenBearer | 'other-audience' | 'invalid'> {
    try {
      const { payload } = await jwtVerify(text, createPublicKey({ key: this.key, format: 'jwk' }), {
        issuer: this.issuer,
        algorithms: ['RS256'],
      });
      const { sub = '', aud, email } = payload;
      if (![aud].flat().some((each) => each !== undefined && audiences.includes(each)))
        return 'other-audience';
      return { subject: sub, email: typeof email === 'string' ? email : '' };
    } catch {
      return 'invalid';
    }
  }
}
