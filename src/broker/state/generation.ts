import {
  isAlive,
  succeeds,
  type Credential,
  type LiveCredential,
  type Tokens,
} from '../../core/credential.js';
import type { ExchangedLogin, IssuedToken } from '../../core/issuer-driver.js';
import type { Secret } from '../../core/secret.js';
import type { GrantedTokens } from '../../oauth/token-answer.js';

/** The stored form of a credential when it takes the place of the one that is held. */
export const newest = (held: Credential, stored: Credential | undefined): Credential =>
  stored !== undefined && succeeds(stored, held) ? stored : held;

/** What `asked` becomes with the tokens that were granted for it, or with no more than another refresh token. */
export function renewed(
  asked: LiveCredential,
  granted: GrantedTokens | ExchangedLogin,
  generation: number,
  nowMs: number,
): LiveCredential {
  if (!('accessToken' in granted))
    return { ...asked, generation, tokens: exchangedTokens(granted, nowMs, asked.tokens) };
  return {
    ...asked,
    generation,
    scopes: granted.scopes ?? asked.scopes,
    tokens: tokensFrom(granted, nowMs, asked.tokens),
  };
}

/**
 * The tokens of a grant as they are held. One that comes unbound in the place of a bound one is over at once: it could be
 * used by whoever has it. The key stays, since the refresh token may be bound to it.
 * @param previous - whose refresh token stays in use when the answer brings none (RFC 6749 §6)
 * @param dpopKey - the key that was proved with the request
 */
export function tokensFrom(
  granted: GrantedTokens,
  nowMs: number,
  previous?: Tokens,
  dpopKey = previous?.dpopKey,
): Tokens {
  const { loginDigest, quotaProject } = granted;
  const before = granted.isAnew === true ? undefined : previous;
  // One of another login may be somebody else's.
  const inherited = before?.loginDigest === loginDigest ? before?.refreshToken : undefined;
  const refreshToken = granted.refreshToken ?? inherited;
  const isNew =
    granted.refreshToken !== undefined && before?.refreshToken?.equals(granted.refreshToken) !== true;
  const grantedAtMs = isNew ? nowMs : before?.grantedAtMs;
  const signedInAtMs = previous === undefined ? nowMs : previous.signedInAtMs;
  const grantEndsAtMs =
    granted.grantLifetimeSeconds === undefined
      ? before?.grantEndsAtMs
      : nowMs + granted.grantLifetimeSeconds * 1000;
  const key = granted.isBound === true ? dpopKey : previous?.dpopKey;
  const lifetimeSeconds = isUnbound(granted, previous) ? 0 : granted.lifetimeSeconds;
  return {
    kind: 'alive',
    accessToken: granted.accessToken,
    ...(refreshToken !== undefined && { refreshToken }),
    ...(loginDigest !== undefined && { loginDigest }),
    ...(quotaProject !== undefined && { quotaProject }),
    ...(key !== undefined && { dpopKey: key }),
    issuedAtMs: nowMs,
    ...(signedInAtMs !== undefined && { signedInAtMs }),
    ...(grantedAtMs !== undefined && { grantedAtMs }),
    ...(grantEndsAtMs !== undefined && { grantEndsAtMs }),
    ...(lifetimeSeconds !== undefined && { expiresAtMs: nowMs + lifetimeSeconds * 1000 }),
  };
}

/** What came in the place of the refresh token that was `sent`; undefined when nothing did. */
export function exchangedIn(
  { refreshToken, loginDigest }: IssuedToken,
  sent: Secret | undefined,
): ExchangedLogin | undefined {
  if (refreshToken === undefined || sent?.equals(refreshToken) === true) return undefined;
  return { refreshToken, ...(loginDigest !== undefined && { loginDigest }) };
}

/**
 * What a sign-in by a login of another program has brought, with what the same login has been exchanged for since:
 * that is saved at once, so `present` is never behind.
 */
export function withLoginOf(fresh: Credential, present: Credential | undefined): Credential {
  if (present === undefined || !isAlive(fresh) || !isAlive(present)) return fresh;
  const { refreshToken, loginDigest } = present.tokens;
  if (refreshToken === undefined || loginDigest === undefined || loginDigest !== fresh.tokens.loginDigest)
    return fresh;
  return { ...fresh, tokens: { ...fresh.tokens, refreshToken } };
}

function exchangedTokens(
  { refreshToken, loginDigest }: ExchangedLogin,
  nowMs: number,
  { loginDigest: before, isLoginUnproven, ...tokens }: Tokens,
): Tokens {
  return {
    ...tokens,
    refreshToken,
    ...(loginDigest !== undefined && { loginDigest }),
    ...((isLoginUnproven === true || loginDigest !== before) && { isLoginUnproven: true }),
    grantedAtMs: nowMs,
  };
}

/** Whether a token came unbound where the one before was bound to a key (RFC 9449 §5). */
export const isUnbound = ({ isBound }: GrantedTokens, previous: Tokens | undefined): boolean =>
  previous?.dpopKey !== undefined && isBound !== true;
