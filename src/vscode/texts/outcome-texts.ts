import { assertNever } from '../../core/assert-never.js';
import type { SignInOutcome } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { failureText } from './failure-texts.js';
import type { StoragePlace } from './place-text.js';
import { missingText } from './state-texts.js';

type L10n = VSCode['l10n'];

/** What the browser's tab says when a sign-in has ended. */
export function outcomeText(
  l10n: L10n,
  outcome: SignInOutcome,
  nowMs: number,
  place: StoragePlace,
): { title: string; message: string } {
  switch (outcome.kind) {
    case 'signed-in':
      return {
        title: l10n.t('You are signed in'),
        message: signedInText(l10n, outcome),
      };
    case 'once-more':
      return {
        title: l10n.t('One more step'),
        message: l10n.t(
          'The authorization server asks {0} once more about “{1}”, in another tab of your browser.',
          outcome.account,
          outcome.server,
        ),
      };
    case 'failed':
      return {
        title: l10n.t('You are not signed in'),
        message: failureText(l10n, outcome.error, outcome.server as ServerId, nowMs, place),
      };
    default:
      return assertNever(outcome);
  }
}

function signedInText(
  l10n: L10n,
  { account, server, missing = [], lost = [] }: Extract<SignInOutcome, { kind: 'signed-in' }>,
): string {
  const ready = l10n.t('{0} is ready for the MCP server “{1}”.', account, server);
  const lack = missing.length === 0 ? [] : [missingText(l10n, missing, server)];
  const loss =
    lost.length === 0
      ? []
      : [
          l10n.t(
            'Other servers of {0} have lost: {1}. To allow it again, sign in for the server that needs it.',
            account,
            lost.join(', '),
          ),
        ];
  return [ready, ...lack, ...loss].join(' ');
}
