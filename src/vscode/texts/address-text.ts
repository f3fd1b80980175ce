import { assertNever } from '../../core/assert-never.js';
import type { AddressFlaw } from '../../core/address.js';
import type { VSCode } from '../editor/api.js';

/** Why an address cannot be used, as the rest of a sentence about it. */
export function flawText(l10n: VSCode['l10n'], flaw: AddressFlaw): string {
  switch (flaw) {
    case 'too-long':
      return l10n.t('is too long');
    case 'no-url':
      return l10n.t('is not a URL');
    case 'other-scheme':
      return l10n.t('is neither https nor http');
    case 'not-encrypted':
      return l10n.t('is not encrypted: http is only for this computer');
    case 'carries-credentials':
      return l10n.t('carries a user name or password');
    case 'has-fragment':
      return l10n.t('has a fragment');
    case 'has-wildcard':
      return l10n.t('has a “*” in its host');
    default:
      return assertNever(flaw);
  }
}
