import * as oauth from 'oauth4webapi';

/** What a protected resource says in its `WWW-Authenticate: Bearer` challenge (RFC 6750 §3, RFC 9728 §5.1). */
export interface BearerChallenge {
  readonly resourceMetadata?: string;
  readonly scopes?: readonly string[];
  readonly error?: string;
}

/**
 * Reads the Bearer challenge among any others of an answer.
 * @returns undefined when there is none
 */
export async function readBearerChallenge(headers: Headers): Promise<BearerChallenge | undefined> {
  const bearer = (await parseChallenges(headers)).find(({ scheme }) => scheme === 'bearer')?.parameters;
  if (bearer === undefined) return undefined;
  const { resource_metadata: resourceMetadata, scope, error } = bearer;
  const scopes = scope?.split(' ').filter((part) => part !== '');
  return {
    ...(resourceMetadata !== undefined && { resourceMetadata }),
    ...(scopes !== undefined && scopes.length > 0 && { scopes }),
    ...(error !== undefined && { error }),
  };
}

/** oauth4webapi reads challenges well but exports no parser; it throws what it has read out of any answer. */
async function parseChallenges(headers: Headers): Promise<oauth.WWWAuthenticateChallenge[]> {
  const answer = new Response(null, { status: 401, headers });
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
