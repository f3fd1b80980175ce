import { assertNever } from '../../core/assert-never.js';
import type { StorageHealth } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';

/** Where credentials are stored. */
export type StoragePlace = Pick<StorageHealth, 'backend' | 'directory'>;

/** The kind of place, as part of a sentence. */
export function placeText(l10n: VSCode['l10n'], { backend, directory }: StoragePlace): string {
  switch (backend) {
    case 'secretStorage':
      return l10n.t('the editor’s secret storage');
    case 'encryptedFile':
      return directory === undefined
        ? l10n.t('encrypted files')
        : l10n.t('encrypted files in {0}', directory);
    case 'memory':
      return l10n.t('this window’s memory');
    default:
      return assertNever(backend);
  }
}
