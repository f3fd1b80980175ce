import { describeError, hasCode } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import type { Storage } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';
import { unlinked } from '../editor/unlinked.js';
import { failureText } from '../texts/failure-texts.js';

export interface FailureParts {
  readonly vs: VSCode;
  readonly storage: Pick<Storage, 'health'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly showLog: () => void;
}

/**
 * Tells the user, and the log, what has failed of something that they asked for.
 * @returns the button that was chosen, if it is one of `buttons`
 */
export async function showFailure(
  { vs, storage, clock, log, showLog }: FailureParts,
  id: ServerId,
  error: unknown,
  ...buttons: readonly string[]
): Promise<string | undefined> {
  log.error(`${JSON.stringify(id)}: ${describeError(error)}`);
  const logButton = vs.l10n.t('Show Log');
  const text = failureText(vs.l10n, error, id, clock.nowMs(), storage.health);
  // An error with buttons stays until it is closed, beside the sign-ins that come after it.
  const show = hasCode(error, 'wrong_account') ? vs.window.showWarningMessage : vs.window.showErrorMessage;
  const choice = await show(unlinked(text), ...buttons, logButton);
  if (choice !== logButton) return choice;
  showLog();
  return undefined;
}
