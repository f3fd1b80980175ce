import { assertNever } from '../../core/assert-never.js';
import type { ErrorCode } from '../../core/errors.js';
import type { RefusalReason } from '../../core/refusal.js';
import type { CredentialState, SignedIn } from '../../core/state.js';
import type { VSCode } from '../editor/api.js';
import { placeText, type StoragePlace } from './place-text.js';

type L10n = VSCode['l10n'];

const minuteMs = 60_000;

/**
 * Why the issuer no longer gives out tokens, as a sentence.
 * @param place - where this window stores credentials
 */
export function reasonText(l10n: L10n, reason: RefusalReason, account: string, place: StoragePlace): string {
  switch (reason) {
    case 'revoked':
      return l10n.t('The access of {0} was revoked.', account);
    case 'expired':
      return l10n.t('The sign-in of {0} has expired.', account);
    case 'password-changed':
      return l10n.t('The password of {0} was changed, which ended the sign-in.', account);
    case 'access-removed':
      return l10n.t('An administrator or a policy no longer allows the access of {0}.', account);
    case 'testing-expired':
      return l10n.t(
        'The sign-in of {0} has ended after 7 days, as every one does while the project of its Google client is in testing. Publish the app in the Google Cloud console (Google Auth Platform, Audience) so that the next sign-in lasts.',
        account,
      );
    case 'unused':
      return l10n.t('The sign-in of {0} has ended because nobody used it for six months.', account);
    case 'session-control':
      return l10n.t(
        'The organization of {0} wants its people to sign in again after some hours, and that time is up.',
        account,
      );
    case 'admin-policy':
      return l10n.t(
        'An administrator of the organization of {0} does not allow this client, or not these permissions. Ask them to trust the client ID, or sign in with another account.',
        account,
      );
    case 'untold':
      return l10n.t(
        'Google has ended the sign-in of {0} and does not say which it was: the access was revoked, the password was changed, or the account has signed in with the same client too often elsewhere.',
        account,
      );
    case 'client-mismatch':
      return l10n.t(
        'The sign-in of {0} belongs to another client than the one that is used now, or the secret of the client was changed. Check the client.',
        account,
      );
    case 'other-account':
      return l10n.t(
        'Somebody other than {0} is logged in now in the credentials file that “auth.grant” of the server names. Log in as {0} again in the program that writes the file, for example with “gcloud auth application-default login”, or sign in with another account to use whoever it is now.',
        account,
      );
    case 'refused':
      return l10n.t(
        'The sign-in of {0} was ended by the authorization server: it has expired or was revoked.',
        account,
      );
    case 'client-gone':
      return l10n.t('The authorization server no longer knows this editor as a client of {0}.', account);
    case 'not-renewable':
      return l10n.t('The sign-in of {0} has ended, and the authorization server offers no renewal.', account);
    case 'secret-missing':
      return l10n.t('The sign-in of {0} is gone from {1}.', account, placeText(l10n, place));
    case 'window-lost':
      return l10n.t(
        'The sign-in of {0} has ended: a window was closed or stopped while it renewed it, and the new tokens were lost with it.',
        account,
      );
    case 'answer-lost':
      return l10n.t(
        'The sign-in of {0} has ended: the network broke off while it was renewed, and the new tokens were lost on the way.',
        account,
      );
    default:
      return assertNever(reason);
  }
}

/** What brings credentials in a file back to life: no sign-in here does. */
export const renewFileText = (l10n: L10n): string =>
  l10n.t(
    'Renew the credentials where they come from: a login with “gcloud auth application-default login”, a key in the Google Cloud console.',
  );

/** A state in a few words, for a line in a menu or a tooltip. */
export function stateText(l10n: L10n, state: CredentialState, nowMs: number): string {
  switch (state.kind) {
    case 'signed-out':
      if (state.mustChoose === true) return l10n.t('choose an account');
      return state.lacksClient === true
        ? l10n.t(
            'signed out, and none of your Google clients is for it; run “MCP Credentials: Add Google Client…”',
          )
        : l10n.t('signed out');
    case 'locked':
      return l10n.t('locked, waits for the passphrase');
    case 'signing-in':
      return l10n.t('signing in, the browser is waiting');
    case 'ready':
      return withNotes(
        l10n,
        state.expiresAtMs === undefined
          ? l10n.t('signed in')
          : l10n.t('signed in, token renews within {0}', durationText(l10n, state.expiresAtMs - nowMs)),
        state,
        nowMs,
      );
    case 'refreshing':
      return withNotes(l10n, l10n.t('signed in, renewing the token'), state, nowMs);
    case 'retrying': {
      const why = retryingText(l10n, state.code);
      if (isTriedOnOccasion(state.code)) return why;
      return `${why}; ${l10n.t('next attempt in {0}', durationText(l10n, state.nextAttemptAtMs - nowMs))}`;
    }
    case 'needs-sign-in':
      return l10n.t('sign-in needed');
    default:
      return assertNever(state);
  }
}

/** Why a token is not renewed now. */
function retryingText(l10n: L10n, code: ErrorCode): string {
  switch (code) {
    case 'tls_untrusted':
      return l10n.t('the authorization server’s certificate is not trusted');
    case 'delegation_missing':
      return l10n.t(
        'the service account may not act for that person; have its client ID and scopes authorized in the Google Admin console',
      );
    case 'clock_wrong':
      return l10n.t('the clock of this computer is wrong; set its date, time and time zone');
    case 'token_refused':
      return l10n.t('the authorization server gives no new token now');
    case 'wrong_account':
      return l10n.t('somebody else is logged in now in the credentials file');
    case 'token_file_unusable':
      return l10n.t('the file that it comes from cannot be used');
    case 'client_refused':
      return l10n.t(
        'the authorization server refuses the client; have it fixed there, or sign in again to enter its new secret',
      );
    case 'record_elsewhere':
      return l10n.t('another window has a newer sign-in; reload this window');
    case 'renewed_elsewhere':
      return l10n.t('another window renews it and cannot store it');
    case 'renewing_elsewhere':
      return l10n.t('another window is renewing it');
    case 'vault_write_failed':
      return l10n.t(
        'the storage takes nothing, so it is not renewed; make room on the disk or unlock the keyring',
      );
    case 'network_down':
      return l10n.t('this computer is not connected to a network; renewing goes on when it is back');
    case 'too_many_attempts':
      return l10n.t('renewed too often within a minute, so there is a pause');
    default:
      return l10n.t('the authorization server does not answer');
  }
}

/** Whether it is not the clock that decides when it is tried again. */
const isTriedOnOccasion = (code: ErrorCode): boolean =>
  code === 'record_elsewhere' || code === 'network_down';

/** A sign-in that ends by itself is announced this long before. */
const announceMs = 2 * 24 * 60 * minuteMs;

/** What is worth knowing about a sign-in that is alive: that it will end, what it does not allow, and for whom it is not. */
function withNotes(
  l10n: L10n,
  text: string,
  { grantEndsAtMs, missingScopes = [], otherAudience }: SignedIn,
  nowMs: number,
): string {
  const leftMs = grantEndsAtMs === undefined ? Infinity : grantEndsAtMs - nowMs;
  const end =
    leftMs > announceMs
      ? []
      : [l10n.t('the sign-in itself ends in {0}, so sign in again before', durationText(l10n, leftMs))];
  const lack = missingScopes.length === 0 ? [] : [l10n.t('not granted: {0}', missingScopes.join(', '))];
  const other =
    otherAudience === undefined
      ? []
      : [
          l10n.t(
            'the token says that it is for {0}, so the server may refuse it; ask whoever runs the authorization server',
            JSON.stringify(otherAudience),
          ),
        ];
  return [text, ...end, ...lack, ...other].join('; ');
}

/**
 * What will not work because it was not granted.
 * @param missing - the permissions, in words
 */
export const missingText = (l10n: L10n, missing: readonly string[], server: string): string =>
  l10n.t(
    'Not granted: {0}. Tools of “{1}” that need it will fail; to allow it, run “MCP Credentials: Sign In”, choose “{1}”, and leave every box ticked.',
    missing.join(', '),
    server,
  );

/** A span of time as somebody says it, rounded up so that it never promises too little. */
export function durationText(l10n: L10n, ms: number): string {
  if (ms <= minuteMs) return l10n.t('1 min');
  const minutes = Math.ceil(ms / minuteMs);
  if (minutes < 100) return l10n.t('{0} min', minutes);
  const hours = Math.ceil(minutes / 60);
  return hours < 48 ? l10n.t('{0} h', hours) : l10n.t('{0} days', Math.ceil(hours / 24));
}
