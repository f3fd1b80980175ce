import type { Account } from './account.js';
import type { ErrorCode } from './errors.js';
import type { RefusalReason } from './refusal.js';

/** What a server's credential is doing in this window. Rendered by exhaustive switches, never by flags. */
export type CredentialState =
  /** Nobody is signed in, or several accounts fit and the user must choose. */
  | { readonly kind: 'signed-out'; readonly mustChoose?: true }
  /** What is stored cannot be read before the user has opened it. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'signing-in'; readonly account?: Account }
  | { readonly kind: 'ready'; readonly account: Account; readonly expiresAtMs?: number }
  | { readonly kind: 'refreshing'; readonly account: Account; readonly expiresAtMs?: number }
  | {
      readonly kind: 'retrying';
      readonly account: Account;
      /** When the access token that is still in use ends; in the past when calls fail meanwhile. */
      readonly expiresAtMs?: number;
      readonly nextAttemptAtMs: number;
      readonly code: ErrorCode;
    }
  | { readonly kind: 'needs-sign-in'; readonly account: Account; readonly reason: RefusalReason };
