import type { RenewalCode } from '../../core/errors.js';
import type { RefusalReason } from '../../core/refusal.js';
import type { FailureFacts, FailureTexts } from './failure-facts.js';
import { reasonText } from './state-texts.js';

/** Why no token can be lent now. */
export function renewalFailures({
  l10n,
  server,
  place,
  account,
  detail,
  has,
  isFromFile,
  signIn,
  renewFile,
  nextAttempt,
  untilNextAttempt,
}: FailureFacts): FailureTexts<RenewalCode> {
  return {
    sign_in_required: () => l10n.t('Nobody is signed in for the MCP server “{0}”.', server) + ' ' + signIn,
    account_choice_required: () =>
      l10n.t('Several of your accounts fit the MCP server “{0}”.', server) + ' ' + signIn,
    grant_refused: () =>
      reasonText(l10n, detail('reason') as RefusalReason, account, place) +
      ' ' +
      (isFromFile ? renewFile : signIn),
    issuer_unreachable: () =>
      l10n.t('The authorization server for “{0}” does not answer.', server) +
      ' ' +
      (nextAttempt ?? l10n.t('Check the network and try again.')),
    tls_untrusted: () =>
      l10n.t(
        'The certificate of {0} is not trusted. Check the network’s proxy and the system’s certificates, then try again.',
        detail('host'),
      ),
    network_down: () =>
      l10n.t('This computer is not connected to a network. The sign-in is kept; try again when it is back.'),
    clock_wrong: () =>
      l10n.t(
        'The clock of this computer is wrong, so the authorization server for “{0}” takes nothing that is signed here. Set the computer’s clock: its date, time and time zone.',
        server,
      ) +
      ' ' +
      (nextAttempt ?? l10n.t('Then try again.')),
    token_refused: () =>
      (has('reason')
        ? l10n.t('{0} gives no new token for “{1}” now: {2}.', detail('issuer'), server, detail('reason'))
        : l10n.t('The authorization server for “{0}” gives no new token now.', server)) +
      ' ' +
      l10n.t(
        'The grant is kept; next attempt in {0}. Check "auth.grant" in the settings and the program that writes its token file, if it has one; to try at once, run “MCP Credentials: Refresh Now”.',
        untilNextAttempt,
      ),
    refresh_queue_full: () =>
      l10n.t('Too many tokens are being renewed at {0} right now. Try again in a moment.', detail('issuer')),
    too_many_attempts: () =>
      l10n.t(
        'There were too many attempts for “{0}” within a minute, so there is a pause of a minute. If this goes on, run “MCP Credentials: Show Log” and ask who runs the server.',
        server,
      ),
    renewed_elsewhere: () =>
      l10n.t(
        'Another window renews the sign-in for “{0}” and cannot store it. Make room on the disk or unlock the system’s keyring, then try again.',
        server,
      ),
    renewing_elsewhere: () =>
      l10n.t('Another window is renewing the token for “{0}”. Try again in a moment.', server),
  };
}
