import { assertNever } from '../../core/assert-never.js';
import { BrokerError, type ErrorCode } from '../../core/errors.js';
import type { SignInOutcome } from '../../core/ports.js';
import type { RefusalReason } from '../../core/refusal.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { placeText, type StoragePlace } from './place-text.js';
import { durationText, missingText, reasonText, renewFileText } from './state-texts.js';

type L10n = VSCode['l10n'];

/**
 * A failure in words that say what is wrong and name the next step, for the user and for a model that reads a tool
 * result. Text from a server is quoted.
 * @param place - where this window stores credentials
 */
export function failureText(
  l10n: L10n,
  error: unknown,
  server: ServerId,
  nowMs: number,
  place: StoragePlace,
): string {
  if (!(error instanceof BrokerError)) {
    return l10n.t(
      'MCP Credential Broker failed unexpectedly. Run “MCP Credentials: Show Log” for the details.',
    );
  }
  const detail = (name: string): string => String(error.details[name] ?? '');
  const signIn = l10n.t(
    'Run “MCP Credentials: Sign In” from the Command Palette and choose “{0}”, then try again.',
    server,
  );
  const account = detail('account');
  const isFromFile = error.details['source'] === 'file';
  const nextAttempt =
    error.details['nextAttemptAtMs'] === undefined
      ? undefined
      : l10n.t(
          'The sign-in is kept; next attempt in {0}. To try at once, run “MCP Credentials: Refresh Now”.',
          durationText(l10n, Number(error.details['nextAttemptAtMs']) - nowMs),
        );
  const renewFile = `${renewFileText(l10n)} ${signIn}`;
  const tooLarge = () =>
    l10n.t(
      'The MCP server “{0}” wanted something new in a request that is too large to be sent twice. Make the call again.',
      server,
    );
  const texts: Record<ErrorCode, () => string> = {
    sign_in_required: () => l10n.t('Nobody is signed in for the MCP server “{0}”.', server) + ' ' + signIn,
    grant_refused: () =>
      reasonText(l10n, detail('reason') as RefusalReason, account, place) +
      ' ' +
      (isFromFile ? renewFile : signIn),
    issuer_unreachable: () =>
      l10n.t('The authorization server for “{0}” does not answer.', server) +
      ' ' +
      (nextAttempt ?? l10n.t('Check the network and try again.')),
    clock_wrong: () =>
      [
        l10n.t(
          'The clock of this computer is wrong, so the authorization server for “{0}” takes nothing that is signed here. Set the computer’s clock: its date, time and time zone.',
          server,
        ),
        nextAttempt ?? l10n.t('Then try again.'),
      ].join(' '),
    tls_untrusted: () =>
      l10n.t(
        'The certificate of {0} is not trusted. Check the network’s proxy and the system’s certificates, then try again.',
        detail('host'),
      ),
    address_refused: () =>
      l10n.t(
        '“{0}” cannot be used as an address: it {1}. Correct it in the settings, or ask who runs the server.',
        detail('address'),
        detail('why'),
      ),
    network_refused: () =>
      l10n.t(
        '{0} names the address {1}, which is in a more private network than its own, so it was not asked. If you trust it as the place to sign in, set it as "auth.issuer" of “{2}” in the settings; else ask who runs the server.',
        detail('by'),
        detail('address'),
        server,
      ),
    metadata_missing: () =>
      l10n.t(
        '“{0}” does not say how to sign in. Set its "auth.issuer" in the setting “mcpCredentials.servers”, if it has one.',
        server,
      ),
    issuer_mismatch: () =>
      l10n.t(
        'The authorization server {0} claims to be another one, so nothing was sent to it. Ask who runs “{1}”.',
        detail('issuer'),
        server,
      ),
    resource_mismatch: () =>
      l10n.t(
        '“{0}” publishes metadata for another resource: {1}. Check its URL in the settings.',
        server,
        detail('resource'),
      ),
    issuer_not_offered: () =>
      l10n.t(
        '“{0}” does not use the authorization server {1}; it names {2}. Correct "auth.issuer" in the settings.',
        server,
        detail('issuer'),
        detail('offered'),
      ),
    pkce_unsupported: () =>
      l10n.t(
        'The authorization server {0} does not say that it protects sign-ins with PKCE, so signing in is not safe. Ask who runs it.',
        detail('issuer'),
      ),
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
    identity_missing: () =>
      l10n.t(
        'The authorization server {0} does not say who has signed in, so nothing was stored. Sign in again, or ask who runs it.',
        detail('issuer'),
      ),
    delegation_missing: () =>
      l10n.t(
        'The service account of “{0}” may not act for that person yet. In the Google Admin console (Security, API controls, Domain-wide delegation), have its client ID authorized for the scopes of the server; the key file has it as "client_id". Then try again; it can take some minutes.',
        server,
      ),
    client_refused: () =>
      error.details['nextAttemptAtMs'] !== undefined
        ? l10n.t(
            'The authorization server for “{0}” refuses its client, so the token is not renewed; the sign-in is kept. Have the client mended there, then run “MCP Credentials: Refresh Now”; if it has a new secret, run “MCP Credentials: Sign In” to enter it.',
            server,
          )
        : l10n.t(
            'The authorization server {0} does not know the client: {1}. Check "auth.clientId" of “{2}” in the settings.',
            detail('issuer'),
            detail('reason'),
            server,
          ),
    token_refused: () =>
      (error.details['reason'] === undefined
        ? l10n.t('The authorization server for “{0}” gives no new token now.', server)
        : l10n.t(
            'The authorization server for “{0}” gives no new token now: {1}.',
            server,
            detail('reason'),
          )) +
      ' ' +
      l10n.t(
        'The grant is kept; next attempt in {0}. Check "auth.grant" in the settings and the program that writes its token file, if it has one; to try at once, run “MCP Credentials: Refresh Now”.',
        durationText(l10n, Number(error.details['nextAttemptAtMs'] ?? nowMs) - nowMs),
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
    client_elsewhere: () =>
      l10n.t(
        '“{0}” now signs in at {1}, and its client “{2}” belongs to {3}. If you expect that, set the client of {1} as "auth.clientId" and {1} as "auth.issuer" in the settings; otherwise ask who runs the server.',
        server,
        detail('issuer'),
        detail('clientId'),
        detail('before'),
      ),
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
            'The authorization server refused the sign-in: {0}. Sign in again, or ask who runs it.',
            detail('reason'),
          );
    },
    authorization_response_invalid: () =>
      error.details['iss'] !== undefined
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
    sign_in_cancelled: () => l10n.t('The sign-in was cancelled.'),
    sign_in_timeout: () =>
      l10n.t('Nobody finished the sign-in in the browser within 5 minutes. Sign in again.'),
    device_code_unsupported: () =>
      l10n.t(
        'The authorization server {0} gives out no codes to sign in with on another device. Sign in with the browser of this computer; if that does not come back here, choose “Paste Address…”.',
        detail('issuer'),
      ),
    redirect_port_taken: () =>
      error.details['registered'] === undefined
        ? l10n.t(
            'The port {0}, to which the browser is to come back, is taken by another program. End that one or change “mcpCredentials.redirect.port” in the settings, then sign in again.',
            detail('port'),
          )
        : l10n.t(
            'Your client may come back to this computer at registered ports alone ({0}), and other programs have them. End one of those and sign in again; or, where you made the client, add a redirect URI with another port to it, download its file anew and choose that with “MCP Credentials: Add Google Client…”.',
            detail('registered'),
          ),
    redirect_unavailable: () =>
      l10n.t(
        'The editor gives out no address to which the browser could come back. Set “mcpCredentials.redirect.via” to “loopback” if the browser runs on the computer of the extensions, then try again.',
      ),
    browser_unavailable: () =>
      l10n.t('The browser could not be opened. Set a default browser, then sign in again.'),
    session_account_changed: () => l10n.t('“{0}” uses another account now. Try again.', server),
    session_lost: () => l10n.t('The MCP server “{0}” has changed. Try again.', server),
    token_rejected: () =>
      error.details['limitBytes'] !== undefined
        ? tooLarge()
        : (error.details['shared'] === undefined
            ? l10n.t(
                'The MCP server “{0}” refuses a token that its authorization server has just issued to {1}.',
                server,
                account,
              )
            : l10n.t(
                'The MCP server “{0}” refuses the token of {1}, which cannot be renewed. Other servers use it, too, so it is kept for them.',
                server,
                account,
              )) +
          ' ' +
          signIn,
    dpop_unsupported: () =>
      l10n.t(
        'The MCP server “{0}” takes only tokens that are bound to a key (DPoP), and {1} does not bind them with ES256. Ask whoever runs the server.',
        server,
        detail('issuer'),
      ),
    nonce_wanted: tooLarge,
    scope_required: () =>
      l10n.t('The MCP server “{0}” needs more permissions of {1}.', server, account) + ' ' + signIn,
    access_forbidden: () =>
      (error.details['reason'] === undefined
        ? l10n.t('The MCP server “{0}” does not allow {1} to do this.', server, account)
        : l10n.t(
            'The MCP server “{0}” does not allow {1} to do this: {2}.',
            server,
            account,
            detail('reason'),
          )) +
      ' ' +
      l10n.t('Sign in with an account that may, or ask who runs the server.'),
    server_unreachable: () =>
      l10n.t(
        'The MCP server “{0}” at {1} does not answer. Check that it runs and that the network reaches it, then try again.',
        server,
        detail('host'),
      ),
    server_failed: () =>
      isSuccess(Number(error.details['status']))
        ? l10n.t(
            'What the MCP server “{0}” sent is no answer to the call: perhaps a login page of the network, or a packed answer. Check its URL in the settings, then try again; if this goes on, ask who runs the server.',
            server,
          )
        : l10n.t(
            'The MCP server “{0}” answered with HTTP status {1}. Try again; if this goes on, ask who runs the server.',
            server,
            detail('status'),
          ),
    too_many_waiting: () =>
      l10n.t('Many calls wait for you already, so this one to “{0}” did not.', server) + ' ' + signIn,
    redirect_refused: () =>
      l10n.t(
        'The MCP server “{0}” wants to be asked at {1}. If you trust that address, set it as "url" in the settings.',
        server,
        detail('location'),
      ),
    call_forbidden: () =>
      l10n.t(
        'A rule in the user’s settings forbids {0} of the MCP server “{1}”, so nothing was sent. Do without it; only the user can change the rule, in “mcpCredentials.servers”.',
        detail('use'),
        server,
      ),
    call_denied: () =>
      l10n.t(
        'The user was asked and did not allow {0} of the MCP server “{1}”, so nothing was sent. Do not try it again unless the user asks for it.',
        detail('use'),
        server,
      ),
    call_unanswered: () =>
      l10n.t(
        'A rule wants the user to allow {0} of the MCP server “{1}”, and nobody answered the notification in time, so nothing was sent. Tell the user, then try again.',
        detail('use'),
        server,
      ),
    call_cancelled: () =>
      l10n.t(
        'A call to the MCP server “{0}” was cancelled while it waited for the user, so nothing was sent. Make the call again if it is still wanted.',
        server,
      ),
    call_unjudged: () =>
      l10n.t(
        'There are rules for the MCP server “{0}”, and a request {1}, so that they could not be applied. Nothing was sent. Send one plain JSON-RPC message no larger than “mcpCredentials.proxy.replayLimitKilobytes” in the settings.',
        server,
        detail('why'),
      ),
    too_many_calls: () =>
      l10n.t(
        'There are {0} calls to the MCP server “{1}” under way, which is as many as there can be. Wait for some to end, then try again.',
        detail('limit'),
        server,
      ),
    socket_unusable: () =>
      l10n.t(
        'The proxy cannot listen on a socket: {0}. Mend that, or set “mcpCredentials.proxy.transport” to "port"; then reload the window.',
        detail('why'),
      ),
    token_bound: () =>
      l10n.t(
        'The token for “{0}” is bound to a key of this extension, so it cannot be delivered in a header. Take "delivery" out of its entry in the settings.',
        server,
      ),
    address_changed: () =>
      l10n.t(
        'The editor changes the address of “{0}” to {1}, so its token cannot be delivered in a header. Take "delivery" out of its entry in the settings.',
        server,
        detail('address'),
      ),
    server_unknown: () =>
      l10n.t('There is no MCP server “{0}” in the setting “mcpCredentials.servers”.', server),
    record_damaged: () => l10n.t('What was stored for “{0}” is damaged.', server) + ' ' + signIn,
    record_elsewhere: () =>
      l10n.t(
        'Another window has a newer sign-in for “{0}” that this one cannot read. Reload this window.',
        server,
      ),
    renewed_elsewhere: () =>
      l10n.t(
        'Another window renews the sign-in for “{0}” and cannot store it. Make room on the disk or unlock the system’s keyring, then try again.',
        server,
      ),
    renewing_elsewhere: () =>
      l10n.t('Another window is renewing the token for “{0}”. Try again in a moment.', server),
    vault_write_failed: () =>
      error.details['nextAttemptAtMs'] === undefined
        ? l10n.t('The sign-in could not be saved in {0}.', placeText(l10n, place)) +
          ' ' +
          (place.backend === 'encryptedFile'
            ? l10n.t('Check that the folder takes files and the disk has room, then sign in again.')
            : l10n.t('Check the system’s keyring, then sign in again.'))
        : l10n.t(
            'The token for “{0}” is not renewed, since nothing can be stored. The sign-in is kept. Make room on the disk or unlock the system’s keyring, then try again.',
            server,
          ),
    storage_locked: () =>
      l10n.t(
        'The credentials are locked. Run “MCP Credentials: Show Status” from the Command Palette and enter the passphrase, then try again.',
      ),
    storage_unusable: () =>
      l10n.t(
        'The credentials cannot be stored as the settings ask: {0}. Correct “mcpCredentials.storage.backend” and its neighbours in the settings.',
        detail('why'),
      ),
    network_down: () =>
      l10n.t('This computer is not connected to a network. The sign-in is kept; try again when it is back.'),
    refresh_queue_full: () =>
      l10n.t('Too many tokens are being renewed at {0} right now. Try again in a moment.', detail('issuer')),
    too_many_attempts: () =>
      l10n.t(
        'There were too many attempts for “{0}” within a minute, so there is a pause of one. If this goes on, run “MCP Credentials: Show Log” and ask who runs the server.',
        server,
      ),
    account_choice_required: () =>
      l10n.t('Several of your accounts fit the MCP server “{0}”.', server) + ' ' + signIn,
  };
  return texts[error.code]();
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** @param lost - the id of the client that the storage does not have any more */
function clientMissingText(l10n: L10n, who: string, lost: string): string {
  if (lost !== '') return l10n.t('The secret of your Google client “{0}” is not stored any more.', lost);
  return who === ''
    ? l10n.t('Google registers no clients by itself, and you have added none for everybody.')
    : l10n.t('None of your Google clients is for {0}.', who);
}

/** What the browser's tab says when a sign-in has ended. */
export function outcomeText(
  l10n: L10n,
  outcome: SignInOutcome,
  nowMs: number,
  place: StoragePlace,
): { title: string; message: string } {
  switch (outcome.kind) {
    case 'signed-in':
      return {
        title: l10n.t('You are signed in'),
        message: signedInText(l10n, outcome),
      };
    case 'once-more':
      return {
        title: l10n.t('One more step'),
        message: l10n.t(
          'The authorization server asks {0} once more about “{1}”, in another tab of your browser.',
          outcome.account,
          outcome.server,
        ),
      };
    case 'failed':
      return {
        title: l10n.t('You are not signed in'),
        message: failureText(l10n, outcome.error, outcome.server as ServerId, nowMs, place),
      };
    default:
      return assertNever(outcome);
  }
}

function signedInText(
  l10n: L10n,
  { account, server, missing = [], lost = [] }: Extract<SignInOutcome, { kind: 'signed-in' }>,
): string {
  const ready = l10n.t('{0} is ready for the MCP server “{1}”.', account, server);
  const lack = missing.length === 0 ? [] : [missingText(l10n, missing, server)];
  const loss =
    lost.length === 0
      ? []
      : [
          l10n.t(
            'Other servers of {0} have lost: {1}. To allow it again, sign in for the server that needs it.',
            account,
            lost.join(', '),
          ),
        ];
  return [ready, ...lack, ...loss].join(' ');
}
