import type { ServerResponse } from 'node:http';

/** Status and body of an answer. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An OAuth error in Google's words. */
export const refusal = (
  status: number,
  error: string,
  description: string,
  more: Readonly<Record<string, string>> = {},
): Answer => ({ status, body: { error, error_description: description, ...more } });

export const refusals = {
  clientUnknown: refusal(401, 'invalid_client', 'The OAuth client was not found.'),
  secretMissing: refusal(400, 'invalid_request', 'client_secret is missing.'),
  secretWrong: refusal(401, 'invalid_client', 'The provided client secret is invalid.'),
  clientOfAnother: refusal(401, 'unauthorized_client', 'Unauthorized'),
  tokenDead: refusal(400, 'invalid_grant', 'Token has been expired or revoked.'),
  malformed: refusal(400, 'invalid_grant', 'Bad Request'),
  codeMalformed: refusal(400, 'invalid_grant', 'Malformed auth code.'),
  verifierMissing: refusal(400, 'invalid_grant', 'Missing code verifier.'),
  verifierWrong: refusal(400, 'invalid_grant', 'Invalid code verifier.'),
  redirectMismatch: refusal(400, 'redirect_uri_mismatch', 'Bad Request'),
  scopeInvalid: refusal(400, 'invalid_scope', 'Bad Request'),
  sessionControl: refusal(400, 'invalid_grant', 'reauth related error (invalid_rapt)', {
    error_subtype: 'invalid_rapt',
    error_uri: 'https://support.google.com/a/answer/9368756',
  }),
  adminPolicy: refusal(
    400,
    'admin_policy_enforced',
    'Access to this service is restricted by the policies of your organization.',
  ),
  orgInternal: refusal(403, 'org_internal', 'This client is restricted to users within its organization.'),
  accountDisabled: refusal(400, 'invalid_grant', 'Account has been deleted'),
} as const;

/** An error of Google's APIs, which are not the OAuth endpoints (google.rpc.Status). */
export const apiError = (code: number, status: string, message: string): Answer => ({
  status: code,
  body: { error: { code, message, status } },
});

export function send(res: ServerResponse, { status, body, headers }: Answer): void {
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-cache, no-store, max-age=0, must-revalidate',
    ...headers,
  });
  res.end(`${JSON.stringify(body, undefined, 2)}\n`);
}
