import type { Account } from '../core/account.js';
import type { GrantedTokens } from './token-answer.js';

/**
 * Who the issuer says has signed in: the validated ID token; without one, the claims of an access token that
 * happens to be a JWT of this issuer (it came straight from the token endpoint); without that, the one nameless
 * account of that issuer.
 * @param clientId - of a client that was granted the tokens for itself, which is then the account
 */
export function identify(issuer: string, tokens: GrantedTokens, clientId = ''): Account {
  const claims = tokens.identity ?? claimsOf(tokens.accessToken.reveal(), issuer);
  return (
    accountFrom(issuer, claims) ?? {
      issuer,
      subject: clientId,
      label: text(clientId) ?? new URL(issuer).host,
    }
  );
}

/**
 * The account that validated `claims` of `issuer` name; undefined when they name none. Nobody is called by an address
 * that the issuer says is not verified.
 */
function accountFrom(issuer: string, claims: Readonly<Record<string, unknown>>): Account | undefined {
  const { email_verified: verified } = claims;
  const isDenied = verified === false || verified === 'false';
  return accountOf(
    issuer,
    claims,
    (isDenied ? undefined : text(claims['email'])) ??
      text(claims['preferred_username']) ??
      text(claims['name']),
  );
}

/**
 * The same where decisions hang on what somebody is called, such as which client is theirs: by an address that the
 * issuer has verified, else by the subject. A name is whatever somebody has typed.
 * @see OpenID Connect Core §5.1, `email_verified`; §5.7
 */
export function verifiedAccountFrom(
  issuer: string,
  claims: Readonly<Record<string, unknown>>,
): Account | undefined {
  const { email_verified: verified } = claims;
  const isVerified = verified === true || verified === 'true';
  return accountOf(issuer, claims, isVerified ? text(claims['email']) : undefined);
}

function accountOf(
  issuer: string,
  { sub: subject }: Readonly<Record<string, unknown>>,
  name: string | undefined,
): Account | undefined {
  // Verbatim: two subjects that differ in a character are two accounts (OpenID Connect Core §2).
  if (typeof subject !== 'string' || subject === '') return undefined;
  return { issuer, subject, label: name ?? text(subject) ?? new URL(issuer).host };
}

function claimsOf(accessToken: string, issuer: string): Record<string, unknown> {
  const payload = accessToken.split('.')[1] ?? '';
  try {
    const json = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(json));
    const isOurs =
      typeof claims === 'object' && claims !== null && (claims as { iss?: unknown }).iss === issuer;
    return isOurs ? (claims as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Labels end up in notifications and the status bar: one line, bounded. */
function text(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const line = claim.replace(/\p{Cc}|\p{Cf}/gu, '').trim();
  return line === '' ? undefined : line.slice(0, 200);
}
