import { describeError } from '../../core/errors.js';
import type { CodePrompt, Log, ShowCode } from '../../core/ports.js';
import type { VSCode } from '../editor/api.js';
import { unlinked } from '../editor/unlinked.js';

/**
 * Shows codes to sign in with in notifications. The click that opens the page copies the code first; closing the
 * notification leaves the code good, since it may be entered on another device.
 */
export function codePrompts(vs: VSCode, log: Log): ShowCode {
  return (prompt, signal) => {
    show(vs, prompt, signal).catch((error: unknown) => {
      log.error(`The page for the code could not be opened: ${describeError(error)}`);
    });
  };
}

async function show({ l10n, window, env }: VSCode, prompt: CodePrompt, signal: AbortSignal): Promise<void> {
  const copy = l10n.t('Copy Code and Open Page');
  const { origin, pathname } = new URL(prompt.page);
  const enter = l10n.t(
    'To sign in for “{0}”, enter the code {1} at {2}, on this or another device.',
    prompt.server,
    prompt.code,
    origin + pathname,
  );
  // Somebody's code, entered at somebody else's page, would sign them in there.
  const isElsewhere = origin !== new URL(prompt.issuer).origin;
  const text = isElsewhere
    ? `${enter} ${l10n.t('That page is not at {0}, which gave out the code: enter it only if you know that they belong together, and if the page names nobody else.', prompt.issuer)}`
    : enter;
  // The editor closes no notification for us, so one that is pressed too late does nothing.
  const choice = await window.showInformationMessage(unlinked(text), copy);
  if (choice !== copy || signal.aborted) return;
  await env.clipboard.writeText(prompt.code);
  await prompt.open();
}
