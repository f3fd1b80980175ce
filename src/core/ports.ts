import type { Disposable } from './announcer.js';
import type { Client } from './client.js';
import type { Secret } from './secret.js';

/** Time as the broker sees it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls `run` once after `delayMs`, unless the result is disposed before. */
  after(delayMs: number, run: () => void): Disposable;
}

/** A number in [0, 1), for jitter. Not for secrets. */
export type Random = () => number;

/** The diagnostic log. Callers pass no secrets; text from a server goes in JSON-encoded. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** The editor's SecretStorage, as far as the vault needs it. */
export interface SecretStore {
  get(key: string): PromiseLike<string | undefined>;
  store(key: string, value: string): PromiseLike<void>;
  delete(key: string): PromiseLike<void>;
}

/** The editor's globalState, as far as the vault needs it. */
export interface Memento {
  keys(): readonly string[];
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

/** Sends one HTTP request. @throws (from the result) BrokerError `network_refused`, as `namedBy` says */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

export interface FetchInit extends RequestInit {
  /**
   * The address of whoever named this one; missing when the user did. Nobody may lead into a
   * more private network than their own.
   */
  readonly namedBy?: string;
}

/**
 * Reads a token that another program keeps in a file.
 * @throws (from the result) BrokerError `token_file_unusable` with `details.path` and `details.why`
 */
export type ReadTokenFile = (path: string) => Promise<Secret>;

/**
 * Reads the text of a file that is secret as a whole.
 * @throws (from the result) BrokerError `token_file_unusable` with `details.path` and `details.why`
 */
export type ReadTextFile = (path: string) => Promise<Secret>;

/**
 * Opens the system's browser at exactly this URL; false when it could not be opened.
 * @param namedBy - as for a request
 * @throws (from the result) BrokerError `network_refused`
 */
export type OpenBrowser = (url: string, namedBy: string) => PromiseLike<boolean>;

/** A code that the user is to enter on a page of the authorization server (RFC 8628). */
export interface CodePrompt {
  /** The label of the MCP server. */
  readonly server: string;
  readonly code: string;
  /** The page's address, validated. */
  readonly page: string;
  /** Whose code it is. */
  readonly issuer: string;
  /** Opens the page in the browser. @throws (from the result) BrokerError `network_refused` */
  open(): PromiseLike<boolean>;
}

/** Shows a code until `signal` is aborted. Opens nothing without a click. */
export type ShowCode = (prompt: CodePrompt, signal: AbortSignal) => void;

/** What the person in the browser is told when the redirect has been dealt with. */
export type SignInOutcome =
  | {
      readonly kind: 'signed-in';
      readonly account: string;
      readonly server: string;
      /** What the server needs and was not granted, in words. */
      readonly missing?: readonly string[];
      /** What the account had granted before, for other servers, and has not granted again, in words. */
      readonly lost?: readonly string[];
    }
  /** The authorization server has to be asked once more, in another tab. */
  | { readonly kind: 'once-more'; readonly account: string; readonly server: string }
  | { readonly kind: 'failed'; readonly error: unknown; readonly server: string };

/** One wait for one redirect (RFC 8252 §7). */
export interface RedirectWait extends Disposable {
  /** The `redirect_uri` to send. */
  readonly redirectUri: string;
  /** As it has to be registered by hand: without a port where any will do (RFC 8252 §7.3). */
  readonly registrableUri: string;
  /** The URL that the browser was sent to. Rejects when disposed before. */
  readonly arrived: Promise<URL>;
  /** Answers the browser that arrived. Called once; until then the browser's tab waits. */
  answer(outcome: SignInOutcome): void;
}

/** Where the browser comes back to. */
export interface RedirectReceiver {
  /**
   * @param state - only a redirect that carries exactly this `state` is taken; others are turned away
   * @param client - the one that asks, whose registered place is taken where that can be; undefined when it is still to
   *   be registered
   * @throws (from the result) BrokerError `redirect_port_taken`, `redirect_unavailable`
   */
  open(
    state: string,
    client?: Pick<Client, 'source' | 'redirectUri' | 'otherRedirectUris' | 'isRedirectFixed'>,
  ): Promise<RedirectWait>;
}

/** A Unix socket, or a named pipe of Windows, that no other user of this computer can connect to. */
export interface SocketPlace extends Disposable {
  readonly path: string;
  /** Its address as the editor takes it; what follows is the path of a request, as a fragment. */
  readonly uri: string;
}
