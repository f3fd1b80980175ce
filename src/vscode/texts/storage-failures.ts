import type { StorageCode } from '../../core/errors.js';
import type { FailureFacts, FailureTexts } from './failure-facts.js';
import { placeText } from './place-text.js';

/** Why a credential cannot be read, or cannot be kept. */
export function storageFailures({
  l10n,
  server,
  place,
  detail,
  has,
  signIn,
}: FailureFacts): FailureTexts<StorageCode> {
  return {
    record_damaged: () => l10n.t('What was stored for “{0}” is damaged.', server) + ' ' + signIn,
    record_elsewhere: () =>
      l10n.t(
        'Another window has a newer sign-in for “{0}” that this one cannot read. Reload this window.',
        server,
      ),
    vault_write_failed: () =>
      has('nextAttemptAtMs')
        ? l10n.t(
            'The token for “{0}” is not renewed, since nothing can be stored. The sign-in is kept. Make room on the disk or unlock the system’s keyring, then try again.',
            server,
          )
        : l10n.t('The sign-in could not be saved in {0}.', placeText(l10n, place)) +
          ' ' +
          (place.backend === 'encryptedFile'
            ? l10n.t('Check that the folder takes files and the disk has room, then sign in again.')
            : l10n.t('Check the system’s keyring, then sign in again.')),
    storage_locked: () =>
      l10n.t(
        'The credentials are locked. Run “MCP Credentials: Show Status” from the Command Palette and enter the passphrase, then try again.',
      ),
    storage_unusable: () =>
      l10n.t(
        'The credentials cannot be stored as the settings ask: {0}. Correct “mcpCredentials.storage.backend” and its neighbours in the settings.',
        detail('why'),
      ),
  };
}
