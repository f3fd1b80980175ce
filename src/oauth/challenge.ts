import * as oauth from 'oauth4webapi';

/** What a protected resource says in its `WWW-Authenticate: Bearer` challenge (RFC 6750 §3, RFC 9728 §5.1). */
export interface BearerChallenge {
  readonly resourceMetadata?: string;
  readonly scopes?: readonly string[];
  readonly error?: string;
  /** The resource takes bound tokens only (RFC 9449 §7.1). */
  readonly isDpop?: true;
}

/**
 * Reads the Bearer challenge among any others of an answer, or the one for bound tokens where there is none.
 * @returns undefined when there is none
 */
export async function readBearerChallenge(headers: Headers): Promise<BearerChallenge | undefined> {
  const challenges = await parseChallenges(headers);
  const found =
    challenges.find(({ scheme }) => scheme === 'bearer') ??
    challenges.find(({ scheme }) => scheme === 'dpop');
  if (found === undefined) return undefined;
  const { resource_metadata: resourceMetadata, scope, error } = found.parameters;
  const scopes = scope?.split(' ').filter((part) => part !== '');
  return {
    ...(resourceMetadata !== undefined && { resourceMetadata }),
    ...(scopes !== undefined && scopes.length > 0 && { scopes }),
    ...(error !== undefined && { error }),
    ...(found.scheme === 'dpop' && { isDpop: true }),
  };
}

/**
 * The scopes that a refusal asks for, when it is about scopes at all.
 * @param challenges - the values of `WWW-Authenticate`
 * @returns undefined when something else is the matter, or no scope is named
 * @see RFC 6750 §3.1, `insufficient_scope`; RFC 6749 §3.3 for what a scope may be made of
 */
export async function missingScopes(challenges: readonly string[]): Promise<readonly string[] | undefined> {
  const headers = new Headers();
  for (const value of challenges) headers.append('www-authenticate', value);
  const challenge = await readBearerChallenge(headers);
  if (challenge?.error !== 'insufficient_scope') return undefined;
  const scopes = challenge.scopes?.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope));
  return scopes !== undefined && scopes.length > 0 ? scopes : undefined;
}

/** Spaces before a comma say nothing (RFC 9110 §5.6.1), but oauth4webapi does not take them after a bare scheme. */
const quotedOrSpace = /("(?:[^"\\]|\\.)*")|(?<![ \t])[ \t]+(?=,)/g;

/** oauth4webapi reads challenges well but exports no parser; it throws what it has read out of any answer. */
async function parseChallenges(headers: Headers): Promise<oauth.WWWAuthenticateChallenge[]> {
  const header = headers.get('www-authenticate')?.replace(quotedOrSpace, '$1');
  const answer = new Response(null, {
    status: 401,
    ...(header !== undefined && { headers: { 'www-authenticate': header } }),
  });
  try {
    await oauth.processUserInfoResponse(
      { issuer: 'unused' },
      { client_id: 'unused' },
      oauth.skipSubjectCheck,
      answer,
    );
    return [];
  } catch (error) {
    return error instanceof oauth.WWWAuthenticateChallengeError ? error.cause : [];
  }
}
