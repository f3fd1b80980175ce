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

/** The account that validated `claims` of `issuer` name; undefined when they name none. */
export function accountFrom(issuer: string, claims: Readonly<Record<string, unknown>>): Account | undefined {
  const { sub: subject } = claims;
  // Verbatim: two subjects that differ in a character are two accounts (OpenID Connect Core §2).
  if (typeof subject !== 'string' || subject === '') return undefined;
  const label =
    text(claims['email']) ??
    text(claims['preferred_username']) ??
    text(claims['name']) ??
    text(subject) ??
    new URL(issuer).host;
  return { issuer, subject, label };
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
