/**
 * Every reason for which the broker fails, as a stable code. Callers branch on the code alone; the message is
 * for the log, and the words that a user reads are made from the code where they are shown.
 */
export type ErrorCode = RenewalCode | DiscoveryCode | ClientCode | SignInCode | CallCode | StorageCode;

/** No token can be lent now. */
export type RenewalCode =
  /** No account has been signed in for this server yet. */
  | 'sign_in_required'
  /** Several accounts fit, and the user has not said which one it is to be. */
  | 'account_choice_required'
  /** The issuer refused the grant for good (RFC 6749 §5.2), or nothing is left to renew it with. */
  | 'grant_refused'
  /** The issuer gave no usable answer; trying again later may help. */
  | 'issuer_unreachable'
  /** The certificate of the issuer or of the server is not trusted. */
  | 'tls_untrusted'
  /** This computer is not connected to a network. */
  | 'network_down'
  /** What was signed here with the time of this computer, or there with the issuer’s, is too old or not valid yet. */
  | 'clock_wrong'
  /** The issuer refuses a token by a grant that needs no user; the grant is kept, and tried again. */
  | 'token_refused'
  /** So many renewals wait that one more finds no place. */
  | 'refresh_queue_full'
  /** A credential was renewed, or a server signed in for, so often within a minute that it must be a loop. */
  | 'too_many_attempts'
  /** Another window has the right to renew it, and does not come to an end. */
  | 'renewed_elsewhere'
  /** Another window has the right to renew it by now, or has just done so. */
  | 'renewing_elsewhere';

/** The authorization server cannot be found, or must not be used. */
export type DiscoveryCode =
  /** An address is neither https nor http on this computer, or carries credentials. */
  | 'address_refused'
  /** An address lies in a more private network than whoever named it, or is of a more private kind. */
  | 'network_refused'
  /** Neither the server nor the authorization server publishes usable metadata. */
  | 'metadata_missing'
  /** The metadata names another issuer than the one it was asked from (RFC 8414 §3.3). */
  | 'issuer_mismatch'
  /** The protected resource metadata speaks for another resource (RFC 9728 §3.3). */
  | 'resource_mismatch'
  /** The configured issuer is not among those that the server names. */
  | 'issuer_not_offered'
  /** The authorization server does not say that it checks PKCE with S256 (MCP authorization, 2026-07-28). */
  | 'pkce_unsupported'
  /** The server takes only tokens that are bound to a key, and the authorization server binds none (RFC 9449). */
  | 'dpop_unsupported';

/** The authorization server does not take us for a client, or not with what proves who we are. */
export type ClientCode =
  /** No client is configured, and the authorization server registers none. */
  | 'registration_unsupported'
  /** The authorization server refused to register us (RFC 7591 §3.2.2). */
  | 'registration_refused'
  /** The issuer registers no clients, and none of those that the user has made there is for whoever signs in. */
  | 'client_rule_missing'
  /** The authorization server does not know our client any more (`invalid_client`). */
  | 'client_refused'
  /** The configured client belongs to another authorization server than the one that the server names now. */
  | 'client_elsewhere'
  /** The private key of our client cannot be used to sign. */
  | 'client_key_unusable'
  /** The file that another program keeps a token in cannot be read, or holds none. */
  | 'token_file_unusable'
  /** An administrator has not allowed a service account to act for people (domain-wide delegation). */
  | 'delegation_missing';

/** A sign-in did not come to its end, or not to the one that was wanted. */
export type SignInCode =
  /** The user, or the authorization server, said no in the browser. */
  | 'authorization_denied'
  /** The redirect does not belong to the request: wrong `state`, `iss` or shape. */
  | 'authorization_response_invalid'
  /** The token endpoint answered with something that is not a token response. */
  | 'token_answer_invalid'
  /** The authorization server does not say who has signed in. */
  | 'identity_missing'
  /** Somebody else signed in than the account that was asked for. */
  | 'wrong_account'
  /** The user has allowed less than what servers of the account use already; that stays as it was. */
  | 'consent_narrower'
  /** The user has not allowed that tokens without an audience are sent to this origin. */
  | 'origin_not_allowed'
  /** A newer sign-in, the user, or the end of the window ended this sign-in. */
  | 'sign_in_cancelled'
  /** Nobody finished the sign-in in time. */
  | 'sign_in_timeout'
  /** The authorization server gives out no codes to enter on a page of its own (RFC 8628), or none to our client. */
  | 'device_code_unsupported'
  /** The port that the settings fix for the redirect is taken. */
  | 'redirect_port_taken'
  /** The editor gives out no address under which the browser could come back to it. */
  | 'redirect_unavailable'
  /** The browser could not be opened. */
  | 'browser_unavailable';

/** A call to an MCP server got no answer, or was not sent. */
export type CallCode =
  /** There is no such server in the settings, or it is not allowed yet. */
  | 'server_unknown'
  /** The MCP server gave no answer. */
  | 'server_unreachable'
  /** The MCP server answered with a status that is no answer to the call. */
  | 'server_failed'
  /** The MCP server wants the request sent to another address. */
  | 'redirect_refused'
  /** The session belongs to another account than the one the server is bound to now. */
  | 'session_account_changed'
  /** The session cannot go on: the server is another one than the client was told. */
  | 'session_lost'
  /** The server refuses a token that the issuer has only just given out, or one that cannot be renewed and is `shared`. */
  | 'token_rejected'
  /** The server wants a new nonce in the proof of a request that is too large to be sent again (RFC 9449 §9). */
  | 'nonce_wanted'
  /** The server wants permissions that the account has not granted yet, and the user can (RFC 6750 §3.1). */
  | 'scope_required'
  /** The server forbids the request, or is not content with the permissions that it asked for (RFC 6750 §3.1). */
  | 'access_forbidden'
  /** So many calls wait for the user that one more finds no place. */
  | 'too_many_waiting'
  /** So many calls to the server are under way that one more must be a loop. */
  | 'too_many_calls'
  /** A rule in the settings forbids the call. */
  | 'call_forbidden'
  /** A rule wants the user to be asked, and the user has said no. */
  | 'call_denied'
  /** A rule wants the user to be asked, and nobody has answered in time. */
  | 'call_unanswered'
  /** The client has cancelled the call before it was sent, or before it was sent again, since the server had not taken it. */
  | 'call_cancelled'
  /** There are rules, and what the request wants cannot be told for certain. */
  | 'call_unjudged'
  /** The token is bound to a key of ours, so that a header alone is worth nothing. */
  | 'token_bound'
  /** The editor would send the requests, and the header with the token, to another address than the one in the settings. */
  | 'address_changed'
  /** The proxy cannot listen on a socket, as the settings want it to. */
  | 'socket_unusable'
  /** The proxy cannot listen on a port of this computer. */
  | 'port_unusable';

/** A credential cannot be read, or cannot be kept. */
export type StorageCode =
  /** A stored record is damaged or of a version we do not know. */
  | 'record_damaged'
  /** Another window has saved a newer record, which this one cannot read before it is reloaded. */
  | 'record_elsewhere'
  /** The storage did not take a credential. */
  | 'vault_write_failed'
  /** The encrypted file waits for its passphrase. */
  | 'storage_locked'
  /** The storage that the settings ask for cannot be used as it is. */
  | 'storage_unusable';

/** Facts about a failure, free of secrets: hosts, labels, codes, instants. Text from a server stays quoted in here. */
export type ErrorDetails = Readonly<Record<string, string | number>>;

/** The one error that this extension throws on purpose. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly details?: ErrorDetails } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.details = options.details ?? {};
  }

  readonly details: ErrorDetails;
}

/** Whether `error` is ours and carries one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is BrokerError {
  return error instanceof BrokerError && codes.includes(error.code);
}

/**
 * Whether a caller may wait: only the user can help, by signing in, choosing an account, opening a lock or having a
 * client mended whose grant is kept.
 */
export function canUserHelp(error: unknown): error is BrokerError {
  if (hasCode(error, 'client_refused')) return error.details['nextAttemptAtMs'] !== undefined;
  return hasCode(error, 'sign_in_required', 'account_choice_required', 'grant_refused', 'storage_locked');
}

/**
 * One line about any thrown value for the log: code or name, message, and the chain of causes that are errors. Other
 * causes are left out: they may be whole answers of a server.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(String(error));
  const name = error instanceof BrokerError ? error.code : error.name;
  const cause = !(error.cause instanceof Error) ? '' : ` ← ${describeError(error.cause)}`;
  return `${name}: ${JSON.stringify(error.message)}${cause}`;
}
