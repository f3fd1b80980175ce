import type { Account } from './account.js';
import type { BrokerError } from './errors.js';
import type { IssuerGrant } from './grant.js';
import type { Fetch } from './ports.js';
import type { Quirk } from './quirk.js';
import type { RefusalReason } from './refusal.js';
import type { Secret } from './secret.js';

/** What one issuer needs beyond the protocol, and what only its own words mean. */
export interface IssuerDriver {
  /** How it departs from the specifications; names the issuer. */
  readonly quirk: Quirk;
  /** The grants that only this issuer has. */
  readonly grantKinds: readonly IssuerGrant['kind'][];
  /** What an access token by one of them is for when nobody says what is needed; never empty. */
  readonly usualScopes: readonly string[];
  /** Those of `wanted`, as they stand there, that `granted` does not cover: a wide scope may stand for narrower ones. */
  missingScopes(granted: readonly string[], wanted: readonly string[]): readonly string[];
  /** What `scope` lets somebody do, in words; undefined for one that is not known. */
  scopeText(scope: string): string | undefined;
  /** Why it refused a grant, where it says more than the protocol knows; undefined where it says no more. */
  refusalReason(refusal: IssuerRefusal): RefusalReason | undefined;
  /**
   * Asks for a token by a grant that only this issuer has. Remembers nothing: what has to be known the next time is in
   * the answer.
   * @param fetch - the only way out: bounded in time and size, and following no redirect
   * @returns a refusal for good as `refused`; as `unavailable` whatever leaves the grant as it is, such as
   *   `issuer_unreachable`, `clock_wrong` and `delegation_missing`
   * @throws (from the result) BrokerError `token_file_unusable`, `tls_untrusted`, `address_refused`, `network_refused`;
   *   TypeError without scopes where the grant names no audience
   */
  request(grant: IssuerGrant, wishes: IssuerGrantWishes, fetch: Fetch): Promise<IssuerAnswer>;
}

/** A grant that was refused for good, and what is known of its life. */
export interface IssuerRefusal {
  /** The `error` of its answer (RFC 6749 §5.2). */
  readonly error: string;
  /** Its subtype and its description, in one. */
  readonly description: string;
  readonly nowMs: number;
  /** When the refresh token was given out; missing when nobody knows. */
  readonly grantedAtMs?: number;
  /** When it was last good for a new access token; missing when nobody knows. */
  readonly renewedAtMs?: number;
  /** When the issuer said that the grant would end. */
  readonly grantEndsAtMs?: number;
}

/** What the caller wants, and what it kept of the answer before. */
export interface IssuerGrantWishes {
  /** What the token is to allow, and no more; empty only where the grant names an audience. */
  readonly scopes: readonly string[];
  /** A refresh token that an earlier answer put in the place of the one in the file. */
  readonly refreshToken?: Secret;
  /** The `loginDigest` of that answer; the refresh token is used for no other login. */
  readonly loginDigest?: string;
}

/** What came of it, told apart as a token endpoint's answers are. */
export type IssuerAnswer =
  | { readonly kind: 'granted'; readonly token: IssuedToken }
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      readonly error: string;
      readonly description: string;
      readonly exchanged?: ExchangedLogin;
    }
  | { readonly kind: 'unavailable'; readonly error: BrokerError; readonly exchanged?: ExchangedLogin };

/**
 * The refresh token that came in the place of the one that was sent, before another step brought no token after all. The
 * one that was sent is spent, so this one has to be saved.
 */
export type ExchangedLogin = Required<Pick<IssuedToken, 'refreshToken'>> & Pick<IssuedToken, 'loginDigest'>;

/** What was granted. Whatever the caller needs for the next request is in here. */
export interface IssuedToken {
  /** An access token, or an ID token where the grant names an audience. */
  readonly accessToken: Secret;
  /** Whom it speaks for, where the credentials say so; else the issuer has to be asked. */
  readonly account?: Account;
  /** Missing when the issuer does not say. */
  readonly lifetimeSeconds?: number;
  /** Missing when they are those that were asked for. */
  readonly scopes?: readonly string[];
  /** What to ask with from now on, in the place of the one in the file. */
  readonly refreshToken?: Secret;
  /** A digest of the login in the file, where it has one: another login may be somebody else's. */
  readonly loginDigest?: string;
  /** The project that is charged for what is done with it, where the credentials or the environment name one. */
  readonly quotaProject?: string;
}
