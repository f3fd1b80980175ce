import type { ClientCode } from '../../core/errors.js';
import type { VSCode } from '../editor/api.js';
import type { FailureFacts, FailureTexts } from './failure-facts.js';

/** Why the authorization server does not take us for a client. */
export function clientFailures({ l10n, server, detail, has }: FailureFacts): FailureTexts<ClientCode> {
  return {
    registration_unsupported: () =>
      l10n.t(
        'The authorization server {0} does not register clients by itself. Create a client there and set its id as "auth.clientId" of “{1}” in the settings.',
        detail('issuer'),
        server,
      ),
    registration_refused: () =>
      l10n.t(
        'The authorization server {0} refused to register this editor: {1}. Create a client there and set its id as "auth.clientId" of “{2}” in the settings.',
        detail('issuer'),
        detail('reason'),
        server,
      ),
    client_rule_missing: () =>
      clientMissingText(l10n, detail('who'), detail('clientId')) +
      ' ' +
      l10n.t(
        'Run “MCP Credentials: Add Google Client…” from the Command Palette, then sign in for “{0}” again.',
        server,
      ),
    client_refused: () =>
      has('nextAttemptAtMs')
        ? l10n.t(
            'The authorization server for “{0}” refuses its client, so the token is not renewed; the sign-in is kept. Have the client fixed there, then run “MCP Credentials: Refresh Now”; if it has a new secret, run “MCP Credentials: Sign In” to enter it.',
            server,
          )
        : l10n.t(
            'The authorization server {0} does not know the client: {1}. Check "auth.clientId" of “{2}” in the settings.',
            detail('issuer'),
            detail('reason'),
            server,
          ),
    client_elsewhere: () =>
      l10n.t(
        '“{0}” now signs in at {1}, and its client “{2}” belongs to {3}. If you expect that, set the client of {1} as "auth.clientId" and {1} as "auth.issuer" in the settings; otherwise ask who runs the server.',
        server,
        detail('issuer'),
        detail('clientId'),
        detail('before'),
      ),
    client_key_unusable: () =>
      l10n.t(
        'The private key of your client cannot be used: the authorization server takes {0}, and the key must be PKCS #8 in PEM. Sign in again and enter another key, or ask who runs the server.',
        detail('offered'),
      ),
    token_file_unusable: () =>
      l10n.t(
        'The token for “{0}” should be in {1}, which {2}. Check that the program which writes it runs, and "auth.grant" in the settings; then try again.',
        server,
        detail('path'),
        detail('why'),
      ),
    delegation_missing: () =>
      l10n.t(
        'The service account of “{0}” may not act for that person yet. In the Google Admin console (Security, API controls, Domain-wide delegation), have its client ID authorized for the scopes of the server; the key file has it as "client_id". Then try again; it can take some minutes.',
        server,
      ),
  };
}

/** @param lost - the id of the client that the storage does not have any more */
function clientMissingText(l10n: VSCode['l10n'], who: string, lost: string): string {
  if (lost !== '') return l10n.t('The secret of your Google client “{0}” is not stored any more.', lost);
  return who === ''
    ? l10n.t('Google registers no clients by itself, and you have added none for everybody.')
    : l10n.t('None of your Google clients is for {0}.', who);
}
