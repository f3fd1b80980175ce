import type { Account } from './account.js';
import type { Client } from './client.js';
import type { Grant } from './grant.js';
import type { RefusalReason } from './refusal.js';
import type { Secret } from './secret.js';

/** What makes a credential this one and no other. */
export interface CredentialKey {
  readonly issuer: string;
  readonly clientId: string;
  readonly subject: string;
  /**
   * The protected resource that the tokens are for, verbatim from its metadata (RFC 8707); the issuer itself where
   * its tokens name no audience, so that one credential serves all servers of an account.
   */
  readonly resource: string;
}

/** What an issuer granted: everything that a refresh needs, in one record, so that it is stored as one. */
export interface Credential {
  readonly account: Account;
  readonly client: Client;
  /** How it came about, where it can be repeated without the user; missing after a sign-in. */
  readonly grant?: Grant;
  readonly resource: string;
  /** Counts the token answers that this credential has seen; the stored generation never goes back. */
  readonly generation: number;
  /** The scopes that were granted, which may be fewer than were asked for. */
  readonly scopes: readonly string[];
  readonly tokens: Tokens | Refused;
}

/** A grant that is alive as far as we know. */
export interface Tokens {
  readonly kind: 'alive';
  readonly accessToken: Secret;
  readonly refreshToken?: Secret;
  /** A digest of the login in another program's file that they descend from; missing where there is none. */
  readonly loginDigest?: string;
  /** Nothing has shown yet that this login is the account's; the access token is of an earlier one. */
  readonly isLoginUnproven?: true;
  /** The project that is charged for their use, where the credentials that they come from name one. */
  readonly quotaProject?: string;
  /** The private key that the tokens are bound to, as a JWK (RFC 9449); missing for bearer tokens. */
  readonly dpopKey?: Secret;
  readonly issuedAtMs: number;
  /**
   * When the sign-in was, or the import, or the first grant without either, that they descend from: another value,
   * another sign-in. Missing in records that are older than this.
   */
  readonly signedInAtMs?: number;
  /** When the refresh token was given out; missing in records that are older than this. */
  readonly grantedAtMs?: number;
  /** End of the grant itself, where the issuer has set one: from then on only a sign-in helps. */
  readonly grantEndsAtMs?: number;
  /** End of the access token's life; missing when the issuer did not say (RFC 6749 §5.1). */
  readonly expiresAtMs?: number;
}

/** A grant that the issuer refused for good. The account is remembered, the tokens are gone. */
interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly refusedAtMs: number;
  /** That of the tokens that were refused. */
  readonly signedInAtMs?: number;
}

/** A credential whose tokens can be used. */
export type LiveCredential = Credential & { readonly tokens: Tokens };

/**
 * Under which key `credential` is kept. Every generation of it has the same one; another account, client or resource,
 * another one.
 */
export function keyOf(credential: Credential): CredentialKey {
  return {
    issuer: credential.account.issuer,
    clientId: credential.client.clientId,
    subject: credential.account.subject,
    resource: credential.resource,
  };
}

/**
 * The key as one string, for maps and for storage. A JSON array of the four parts in the order issuer, client,
 * subject, resource: stable, readable, and free of separators that a part could contain.
 */
export function keyText(key: CredentialKey): string {
  return JSON.stringify([key.issuer, key.clientId, key.subject, key.resource]);
}

/** The key that `text` stands for; undefined when it stands for none. */
export function parseKeyText(text: string): CredentialKey | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.length !== 4 || !parts.every((part) => typeof part === 'string'))
    return undefined;
  const [issuer = '', clientId = '', subject = '', resource = ''] = parts;
  return { issuer, clientId, subject, resource };
}

/**
 * Whether `credential` has tokens, since no issuer has refused its grant for good. Those may have expired: whether an
 * access token can still be used is a question of its end.
 */
export function isAlive(credential: Credential): credential is LiveCredential {
  return credential.tokens.kind === 'alive';
}

/** Whether a new access token can be had without the user: with a refresh token, or by repeating the grant. */
export const isRenewable = ({ tokens, grant }: Credential): boolean =>
  tokens.kind === 'alive' && (tokens.refreshToken !== undefined || grant !== undefined);

/**
 * Whether `one`, as it is stored or has just been saved, takes the place of `other`. Two windows that could not be
 * coordinated may both have written one generation; the one that is durable counts. A refusal is about the generation
 * before it, so it never takes the place of a grant that is as new.
 */
export function succeeds(one: Credential, other: Credential): boolean {
  if (one.generation !== other.generation) return one.generation > other.generation;
  return isAlive(one) && !(isAlive(other) && areSameTokens(one.tokens, other.tokens));
}

/** When the sign-in was that `credential` descends from, if that is known. */
export const signInOf = ({ tokens }: Credential): number | undefined => tokens.signedInAtMs;

/** Whether `credential` is alive, and descends from another sign-in than that at `signedInAtMs`. */
export const isOfAnotherSignIn = (credential: Credential, signedInAtMs: number | undefined): boolean =>
  isAlive(credential) && signInOf(credential) !== signedInAtMs;

/** Whether `other` takes the place of `one`, and not the other way round: of two grants of one generation neither is older. */
export const isOlder = (one: Credential, other: Credential): boolean =>
  succeeds(other, one) && !succeeds(one, other);

const areSameTokens = (one: Tokens, other: Tokens): boolean =>
  one.accessToken.equals(other.accessToken) && one.refreshToken?.reveal() === other.refreshToken?.reveal();
