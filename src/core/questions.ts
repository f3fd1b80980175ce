import type { Secret } from './secret.js';
import type { ServerId } from './server.js';

/** A client that the user has registered and types in. */
export interface EnteredClient {
  readonly clientId: string;
  /** Missing for a public client. */
  readonly clientSecret?: Secret;
}

/** What proves that a configured client is one: a text that its administrator was given, or a key. */
export type ClientProof = 'client secret' | 'private key';

/** Where tokens that name no audience are wanted, and is none of their issuer's own addresses. */
interface Receiver {
  readonly server: ServerId;
  /** Whether a workspace has named the server; then nobody but the user may say yes. */
  readonly isProposed: boolean;
  /** Whom the tokens speak for; missing for whoever is about to sign in. */
  readonly account?: string;
  /** What they allow, in words. */
  readonly scopes: readonly string[];
  readonly origin: string;
  /** Whom their use is charged to, where the settings say so. */
  readonly quotaProject?: string;
}

/**
 * What only the user knows, asked in the course of a sign-in that the user has begun. Each resolves to undefined when
 * the user leaves it.
 */
export interface Questions {
  /** Which of several authorization servers `server` is to be used with. */
  issuer(server: ServerId, issuers: readonly string[]): PromiseLike<string | undefined>;
  /**
   * A client that is registered at `issuer`, which registers none by itself.
   * @param redirectUri - what has to be registered for it; missing where no browser comes back
   */
  client(server: ServerId, issuer: string, redirectUri?: string): PromiseLike<EnteredClient | undefined>;
  /** Whether tokens may be sent somewhere. Asked once for each account and origin. */
  mayReceive(receiver: Receiver): PromiseLike<boolean>;
  /** What goes with `clientId`, which stands in the settings. */
  proof(
    server: ServerId,
    issuer: string,
    clientId: string,
    what: ClientProof,
  ): PromiseLike<Secret | undefined>;
}
