import type { Account } from './account.js';
import type { Reach } from './reach.js';
import type { Secret } from './secret.js';
import type { ServerId } from './server.js';

/** That a bound token is ours, proved for one request (RFC 9449 §4). */
export interface Proof {
  /** The value of the header `DPoP`. */
  readonly header: string;
  /** Takes note of the nonce that came with the answer, whichever that was: it is used from then on (RFC 9449 §8.2, §9). */
  noted(nonce: string): Promise<void>;
}

/** An access token on loan for one request, the account it speaks for, and where it may go. */
export interface LentToken {
  readonly token: Secret;
  readonly account: Account;
  readonly reach: Reach;
  /** What it was granted. */
  readonly scopes: readonly string[];
  /** The end of its life, in milliseconds since the epoch; missing when the issuer did not say. */
  readonly expiresAtMs?: number;
  /** As `Tokens.quotaProject`. */
  readonly quotaProject?: string;
  /** Only for a token that is bound to a key of ours; such a one is worth nothing without. */
  readonly prove?: (method: string, url: string) => Promise<Proof>;
}

/** All that the proxy may know about credentials. No member opens a browser, none names a refresh token. */
export interface TokenSource {
  /**
   * A token for `server`, from memory when one is ready.
   * @param session - the MCP session of the call; its account never changes
   * @throws BrokerError one for which `canUserHelp`; any other `RenewalCode` or `StorageCode`, `client_refused`,
   *   `delegation_missing`, `token_file_unusable`: not now; `session_account_changed`: the client must open a new
   *   session; `server_unknown`
   */
  accessToken(server: ServerId, session?: string): Promise<LentToken>;

  /**
   * A newer token than `refused`, which the server did not accept. Asked at most once per call.
   * @throws BrokerError as `accessToken`; `token_rejected` when the server has refused too many new tokens of late, or
   *   alone refuses one that other servers take and that cannot be renewed
   */
  newerToken(server: ServerId, session: string | undefined, refused: LentToken): Promise<LentToken>;

  /**
   * A token that may do more than `lent`, which `server` found too narrow for a call. Waits until the user has allowed
   * it; asks for that in a notification meanwhile.
   * @param challenges - the values of `WWW-Authenticate` that came with the 403
   * @param signal - ends the wait, with the signal's reason
   * @throws BrokerError as `accessToken`; `access_forbidden` when permissions are not what is missing, or when they
   *   were asked for before
   */
  widerToken(
    server: ServerId,
    session: string | undefined,
    lent: LentToken,
    challenges: readonly string[],
    signal: AbortSignal,
  ): Promise<LentToken>;

  /**
   * Resolves when the user has signed in for `server`, chosen an account for it, or opened the lock behind which its
   * credential is.
   * @param signal - ends the wait, with the signal's reason
   * @param manner - asks for it in a notification meanwhile, unless `quietly`: what nobody waits for disturbs nobody
   * @throws BrokerError `server_unknown` when it is not in the settings, or not any more
   */
  signedIn(server: ServerId, signal: AbortSignal, manner?: 'quietly'): Promise<void>;

  /** The account that `server` uses now, whether its sign-in is alive or not; undefined when nobody is chosen. */
  account(server: ServerId): Account | undefined;

  /** Whether a client has begun to work with `server` before, with the account that it has now. */
  wasReached(server: ServerId): boolean;

  /**
   * `server` was reached with `lent`, and named `session` if it has any: it belongs to that account, if it was nobody's
   * before.
   */
  sessionOpened(server: ServerId, session: string | undefined, lent: LentToken): void;

  /** Whether `session` belongs to the account of `lent`, to which it is tied if it was nobody's before. */
  owns(server: ServerId, session: string, lent: LentToken): Promise<boolean>;

  /**
   * `session` has ended and may be forgotten. Only for an id that was made here: one of a server's may be in use by
   * another client, or be given again.
   */
  sessionClosed(server: ServerId, session: string): void;
}
