import type { Account } from './account.js';
import type { ErrorCode } from './errors.js';
import type { Secret } from './secret.js';

/** What happened to a credential, for the user to read later. */
export interface AuditEvent {
  readonly kind:
    | 'sign-in'
    | 'sign-out'
    | 'refresh'
    /** A request that was turned down, such as one for another account on a session that has one. */
    | 'refusal'
    | 'binding'
    /** A credential was used for a server for the first time. */
    | 'delivery'
    | 'lease-takeover'
    | 'import'
    | 'storage';
  /** How it ended, in one word. */
  readonly outcome?: string;
  /** The label of the server in the settings. */
  readonly server?: string;
  readonly account?: Account;
  /** The protected resource that the credential is for. */
  readonly resource?: string;
  /** Recorded as a fingerprint, never as it is. */
  readonly token?: Secret;
  readonly generation?: number;
  readonly scopes?: readonly string[];
  readonly code?: ErrorCode;
}

/** Keeps a trail. Never throws, never makes anybody wait. */
export interface Audit {
  record(event: AuditEvent): void;
}
