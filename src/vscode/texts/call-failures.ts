import type { CallCode } from '../../core/errors.js';
import type { FailureFacts, FailureTexts } from './failure-facts.js';

/** Why a call got no answer, or was not sent. A model reads them, too, so they say what it may do. */
export function callFailures({
  l10n,
  server,
  account,
  detail,
  has,
  signIn,
}: FailureFacts): FailureTexts<CallCode> {
  const tooLarge = () =>
    l10n.t(
      'The MCP server “{0}” wanted something new in a request that is too large to be sent twice. Make the call again.',
      server,
    );
  return {
    server_unknown: () =>
      l10n.t('There is no MCP server “{0}” in the setting “mcpCredentials.servers”.', server),
    server_unreachable: () =>
      l10n.t(
        'The MCP server “{0}” at {1} does not answer. Check that it runs and that the network reaches it, then try again.',
        server,
        detail('host'),
      ),
    server_failed: () =>
      isSuccess(Number(detail('status')))
        ? l10n.t(
            'What the MCP server “{0}” sent is no answer to the call: perhaps a login page of the network, or a packed answer. Check its URL in the settings, then try again; if this goes on, ask who runs the server.',
            server,
          )
        : l10n.t(
            'The MCP server “{0}” answered with HTTP status {1}. Try again; if this goes on, ask who runs the server.',
            server,
            detail('status'),
          ),
    redirect_refused: () =>
      l10n.t(
        'The MCP server “{0}” redirects calls to {1}. If you trust that address, set it as "url" in the settings.',
        server,
        detail('location'),
      ),
    session_account_changed: () => l10n.t('“{0}” uses another account now. Try again.', server),
    session_lost: () => l10n.t('The MCP server “{0}” has changed. Try again.', server),
    token_rejected: () =>
      has('limitBytes')
        ? tooLarge()
        : (has('shared')
            ? l10n.t(
                'The MCP server “{0}” refuses the token of {1}, which cannot be renewed. Other servers use it, too, so it is kept for them.',
                server,
                account,
              )
            : l10n.t(
                'The MCP server “{0}” refuses a token that its authorization server has just issued to {1}.',
                server,
                account,
              )) +
          ' ' +
          signIn,
    nonce_wanted: tooLarge,
    scope_required: () =>
      l10n.t('The MCP server “{0}” needs more permissions of {1}.', server, account) + ' ' + signIn,
    access_forbidden: () =>
      (has('reason')
        ? l10n.t(
            'The MCP server “{0}” does not allow {1} to do this: {2}.',
            server,
            account,
            detail('reason'),
          )
        : l10n.t('The MCP server “{0}” does not allow {1} to do this.', server, account)) +
      ' ' +
      l10n.t('Sign in with an account that may, or ask who runs the server.'),
    too_many_waiting: () =>
      l10n.t('Many calls wait for you already, so this one to “{0}” did not.', server) + ' ' + signIn,
    too_many_calls: () =>
      l10n.t(
        'There are {0} calls to the MCP server “{1}” under way, which is as many as there can be. Wait for some to end, then try again.',
        detail('limit'),
        server,
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
        'A call to the MCP server “{0}” was cancelled before the server took it, so nothing was done. Make the call again if it is still wanted.',
        server,
      ),
    call_unjudged: () =>
      l10n.t(
        'There are rules for the MCP server “{0}”, and a request {1}, so they could not be applied. Nothing was sent. Send one plain JSON-RPC message no larger than “mcpCredentials.proxy.replayLimitKilobytes” in the settings.',
        server,
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
    socket_unusable: () =>
      l10n.t(
        'The proxy cannot listen on a socket: {0}. Fix that, or set “mcpCredentials.proxy.transport” to "port"; then reload the window.',
        detail('why'),
      ),
    port_unusable: () =>
      l10n.t(
        'The proxy cannot listen on 127.0.0.1 ({0}), so no MCP server gets a credential. Allow the editor to do so where this computer’s firewall or sandbox is set up, or set “mcpCredentials.proxy.transport” to "socket"; then reload the window.',
        detail('why'),
      ),
  };
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;
