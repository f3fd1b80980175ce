import type { SignInCode } from '../../core/errors.js';
import type { FailureFacts, FailureTexts } from './failure-facts.js';
import { reasonText } from './state-texts.js';

/** Why a sign-in did not come to its end, or not to the one that was wanted. */
export function signInFailures({
  l10n,
  server,
  place,
  account,
  detail,
  has,
  isFromFile,
  renewFile,
}: FailureFacts): FailureTexts<SignInCode> {
  return {
    authorization_denied: () => {
      if (isFromFile)
        return (
          l10n.t(
            'Google refused the credentials that “auth.grant” of “{0}” uses: {1}.',
            server,
            detail('reason'),
          ) +
          ' ' +
          renewFile
        );
      return detail('error') === 'access_denied'
        ? l10n.t('Access was not granted. Sign in again to allow it.')
        : l10n.t(
            'The authorization server {0} refused the sign-in: {1}. Sign in again, or ask who runs it.',
            detail('issuer'),
            detail('reason'),
          );
    },
    authorization_response_invalid: () =>
      has('iss')
        ? l10n.t(
            'What came back from the browser names {0} as its authorization server instead of {1}. It does not belong to this sign-in, so it was ignored. Sign in again; only if whoever runs it confirms that name, set it as "responseIssuer" in the setting “mcpCredentials.issuerQuirks”.',
            detail('iss'),
            detail('issuer'),
          )
        : l10n.t(
            'What came back from the browser does not belong to this sign-in, so it was ignored. Sign in again.',
          ),
    token_answer_invalid: () =>
      l10n.t('The authorization server’s answer cannot be used. Sign in again, or ask who runs it.'),
    identity_missing: () =>
      l10n.t(
        'The authorization server {0} does not say who has signed in, so nothing was stored. Sign in again, or ask who runs it.',
        detail('issuer'),
      ),
    wrong_account: () =>
      isFromFile
        ? reasonText(l10n, 'other-account', detail('wanted'), place)
        : l10n.t(
            'You signed in as {0}, but “{1}” uses {2}. Sign in again as {2}; to change the account, run “MCP Credentials: Sign In” and choose another account.',
            detail('got'),
            server,
            detail('wanted'),
          ),
    consent_narrower: () =>
      l10n.t(
        'You left out what servers of {0} use already: {1}. Nothing was changed. Sign in for “{2}” again and leave those boxes ticked; to take them back for all servers, run “MCP Credentials: Sign Out” first.',
        account,
        detail('lost'),
        server,
      ),
    origin_not_allowed: () =>
      l10n.t(
        'The tokens of {0} may not be sent to {1}, where the MCP server “{2}” is.',
        account,
        detail('origin'),
        server,
      ) +
      ' ' +
      l10n.t(
        'If you trust that address with everything they allow, run “MCP Credentials: Sign In” from the Command Palette, choose “{0}” and allow it.',
        server,
      ),
    sign_in_cancelled: () => l10n.t('The sign-in was cancelled.'),
    sign_in_timeout: () =>
      l10n.t('Nobody finished the sign-in in the browser within 5 minutes. Sign in again.'),
    device_code_unsupported: () =>
      l10n.t(
        'The authorization server {0} gives out no codes to sign in with on another device. Sign in with the browser of this computer; if that does not come back here, choose “Paste Address…”.',
        detail('issuer'),
      ),
    redirect_port_taken: () =>
      has('registered')
        ? l10n.t(
            'Your client can come back to this computer on its registered ports only ({0}), and other programs use them. Close one of those programs and sign in again; or, where you made the client, add a redirect URI with another port to it, download its file again and choose that with “MCP Credentials: Add Google Client…”.',
            detail('registered'),
          )
        : l10n.t(
            'The port {0}, to which the browser is to come back, is used by another program. Close that program or change “mcpCredentials.redirect.port” in the settings, then sign in again.',
            detail('port'),
          ),
    redirect_unavailable: () =>
      l10n.t(
        'The editor gives out no address to which the browser could come back. Set “mcpCredentials.redirect.via” to “loopback” if the browser runs on the computer of the extensions, then try again.',
      ),
    browser_unavailable: () =>
      l10n.t('The browser could not be opened. Set a default browser, then sign in again.'),
  };
}
