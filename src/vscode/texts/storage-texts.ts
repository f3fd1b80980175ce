import { assertNever } from '../../core/assert-never.js';
import type { StorageHealth } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';
import { placeText } from './place-text.js';
import { durationText } from './state-texts.js';

type L10n = VSCode['l10n'];

/** Where credentials are stored and how that goes, in one line. */
export function healthText(l10n: L10n, health: StorageHealth, nowMs: number): string {
  const line = l10n.t('Stored in: {0} · {1}', placeText(l10n, health), conditionText(l10n, health, nowMs));
  if (health.moveFailure === undefined) return line;
  return `${line} · ${l10n.t('not moved: {0}', health.moveFailure)}`;
}

/** What was set aside, in one line. */
export function setAsideText(l10n: L10n, count: number): string {
  return count === 1
    ? l10n.t('1 damaged entry was set aside')
    : l10n.t('{0} damaged entries were set aside', count);
}

function conditionText(l10n: L10n, { backend, condition }: StorageHealth, nowMs: number): string {
  switch (condition.kind) {
    case 'opening':
      return l10n.t('opening');
    case 'works':
      return backend === 'memory' ? l10n.t('gone when the window is closed') : l10n.t('in order');
    case 'forgets':
      return l10n.t('forgets when the editor is closed');
    case 'fails':
      return l10n.t('fails, for {0} now', durationText(l10n, nowMs - condition.sinceMs));
    case 'locked':
      return l10n.t('locked');
    case 'unusable':
      return l10n.t('cannot be used: {0}', condition.why);
    default:
      return assertNever(condition);
  }
}
