import type { Account } from './account.js';
import type { ErrorCode } from './errors.js';
import type { RefusalReason } from './refusal.js';

/** What a server's credential is doing in this window. Rendered by exhaustive switches, never by flags. */
export type CredentialState =
  /** Nobody is signed in, or several accounts fit and the user must choose. */
  | {
      readonly kind: 'signed-out';
      readonly mustChoose?: true;
      /** None of the clients that the user has brought is for whoever is to sign in. */
      readonly lacksClient?: true;
    }
  /** What is stored cannot be read before the user has opened it. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'signing-in'; readonly account?: Account }
  | ({ readonly kind: 'ready' } & SignedIn)
  | ({ readonly kind: 'refreshing' } & SignedIn)
  | ({
      readonly kind: 'retrying';
      readonly nextAttemptAtMs: number;
      readonly code: ErrorCode;
      /** The client that the authorization server refuses, where that is what is wrong. */
      readonly refusedClient?: string;
    } & SignedIn)
  | {
      readonly kind: 'needs-sign-in';
      readonly account: Account;
      readonly reason: RefusalReason;
      /** The tokens come from credentials in a file, which another program has to renew first. */
      readonly isFromFile?: true;
    };

/** What is known of a sign-in that is alive. */
export interface SignedIn {
  readonly account: Account;
  /** When the access token that is in use ends; in the past when calls fail until it is renewed. */
  readonly expiresAtMs?: number;
  /** When the sign-in itself ends, which no renewal puts off. */
  readonly grantEndsAtMs?: number;
  /** What the server needs and the user has not granted, in words; what needs it fails. */
  readonly missingScopes?: readonly string[];
  /** The addresses that the access token says it is for, as one text, where the server's is not among them. */
  readonly otherAudience?: string;
}

/** Whether somebody is signed in, however it goes with the tokens. */
export const isSignedIn = (
  state: CredentialState,
): state is Extract<CredentialState, { readonly kind: 'ready' | 'refreshing' | 'retrying' }> =>
  state.kind === 'ready' || state.kind === 'refreshing' || state.kind === 'retrying';

/** Whether only the user can mend it: by signing in, or by what the authorization server knows of the client. */
export const needsUser = (state: CredentialState): boolean =>
  state.kind === 'needs-sign-in' || (state.kind === 'retrying' && state.refusedClient !== undefined);
