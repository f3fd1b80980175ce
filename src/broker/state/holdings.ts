import type { Disposable } from '../../core/announcer.js';
import { Announcer } from '../../core/announcer.js';
import { isOlder, isRenewable, keyOf, keyText, type Credential } from '../../core/credential.js';
import type { ErrorCode, ErrorDetails } from '../../core/errors.js';
import { isBorrowedLogin } from '../../core/grant.js';
import type { CredentialState } from '../../core/state.js';
import { elsewhere } from '../../oauth/audience.js';
import { isSpent } from './schedule.js';

/** What is going on with a credential beside being held. */
export type Activity =
  | { readonly kind: 'idle' }
  | { readonly kind: 'refreshing' }
  /** A credential that cannot be renewed has reached its end, or its server takes it no more. Only in this window's memory. */
  | { readonly kind: 'ended' }
  | {
      readonly kind: 'retrying';
      readonly failures: number;
      readonly sinceMs: number;
      readonly nextAttemptAtMs: number;
      readonly code: ErrorCode;
      /** The facts about the failure, for the calls that fail until the next attempt. */
      readonly details?: ErrorDetails;
      /** The issuer itself said when to come again (RFC 9110 §10.2.3), so another network changes nothing. */
      readonly isAskedToWait?: true;
    };

/** A credential in this window's memory. */
export interface Held {
  readonly credential: Credential;
  readonly activity: Activity;
}

/** The credentials that this window has in memory, by key; the truth that everything in the window is rendered from. */
export class Holdings implements Disposable {
  readonly #held = new Map<string, Held>();
  readonly #changes: Announcer<string>;

  constructor(onListenerError: (error: unknown) => void) {
    this.#changes = new Announcer(onListenerError);
  }

  /** @param listener - is told the key of what has changed */
  onDidChange(listener: (key: string) => void): Disposable {
    return this.#changes.listen(listener);
  }

  get(key: string): Held | undefined {
    return this.#held.get(key);
  }

  get size(): number {
    return this.#held.size;
  }

  entries(): readonly (readonly [string, Held])[] {
    return [...this.#held];
  }

  /** Takes `credential` in, unless what is held is newer, or a grant that is as new as its refusal. */
  take(credential: Credential, activity: Activity = { kind: 'idle' }): void {
    const key = keyText(keyOf(credential));
    const present = this.#held.get(key);
    if (present !== undefined && isOlder(credential, present.credential)) return;
    this.#held.set(key, { credential, activity });
    this.#changes.announce(key);
  }

  setActivity(key: string, activity: Activity): void {
    const present = this.#held.get(key);
    if (present === undefined) return;
    this.#held.set(key, { ...present, activity });
    this.#changes.announce(key);
  }

  remove(key: string): void {
    if (this.#held.delete(key)) this.#changes.announce(key);
  }

  dispose(): void {
    this.#changes.dispose();
  }
}

/**
 * How a held credential is shown.
 * @param missingScopes - what a server needs that it does not cover, in words
 */
export function stateOf(
  { credential, activity }: Held,
  nowMs: number,
  missingScopes: readonly string[] = [],
): CredentialState {
  const { account, tokens } = credential;
  if (tokens.kind === 'refused') {
    const isFromFile = isBorrowedLogin(credential.grant);
    return {
      kind: 'needs-sign-in',
      account,
      reason: tokens.reason,
      ...(isFromFile && { isFromFile }),
    };
  }
  const isOver = !isRenewable(credential) && isSpent(tokens, nowMs);
  if (isOver || activity.kind === 'ended') return { kind: 'needs-sign-in', account, reason: 'not-renewable' };
  const { expiresAtMs, grantEndsAtMs } = tokens;
  const otherAudience = elsewhere(tokens.accessToken, credential.resource);
  const end = {
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(grantEndsAtMs !== undefined && { grantEndsAtMs }),
    ...(missingScopes.length > 0 && { missingScopes }),
    ...(otherAudience !== undefined && { otherAudience }),
  };
  switch (activity.kind) {
    case 'idle':
      return { kind: 'ready', account, ...end };
    case 'refreshing':
      return { kind: 'refreshing', account, ...end };
    case 'retrying': {
      const { nextAttemptAtMs, code } = activity;
      const refusedClient = code === 'client_refused' ? credential.client.clientId : undefined;
      return {
        kind: 'retrying',
        account,
        ...end,
        nextAttemptAtMs,
        code,
        ...(refusedClient !== undefined && { refusedClient }),
      };
    }
  }
}
