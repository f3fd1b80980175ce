import type { Broker } from '../../broker/broker.js';
import type { Disposable } from '../../core/announcer.js';
import type { Clock } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { unlinked } from '../editor/unlinked.js';

/** Who has a password at hand is back by then. */
const patienceMs = 40_000;

/** Helps where nobody comes back from the browser: it may be on another computer, or kept from this one. */
export class SignInHelp {
  constructor(
    private readonly vs: VSCode,
    private readonly broker: Pick<Broker, 'pasteRedirect' | 'cancelSignIn' | 'isInBrowser'>,
    private readonly clock: Clock,
  ) {}

  /**
   * Offers help if the sign-in for `id`, which has just begun, is still under way after a while.
   * @param useCode - tries it with a code, and settles when that has ended; where there are none, this sign-in goes on
   * @returns to be disposed when the sign-in has ended
   */
  watch(id: ServerId, useCode: () => Promise<void>): Disposable {
    const ended = new AbortController();
    let timer: Disposable | undefined;
    const wait = () => {
      timer = this.clock.after(patienceMs, () => {
        // Whoever is still being asked something is not in the browser.
        if (this.broker.isInBrowser(id)) void this.#offer(id, useCode, ended.signal);
        else wait();
      });
    };
    wait();
    return {
      dispose: () => {
        timer?.dispose();
        ended.abort();
      },
    };
  }

  async #offer(id: ServerId, useCode: (() => Promise<void>) | undefined, ended: AbortSignal): Promise<void> {
    const { l10n, window } = this.vs;
    const [code, paste, cancel] = [l10n.t('Use a Code'), l10n.t('Paste Address…'), l10n.t('Cancel Sign-In')];
    const text = l10n.t('The sign-in for “{0}” waits for you in the browser. Having trouble?', id);
    const choice = await window.showInformationMessage(
      unlinked(text),
      ...(useCode ? [code] : []),
      paste,
      cancel,
    );
    const isOver = () => ended.aborted;
    if (isOver()) return;
    if (choice === code) {
      await useCode?.();
      if (!isOver()) await this.#offer(id, undefined, ended);
    } else if (choice === paste) this.#paste(id, ended);
    else if (choice === cancel) this.broker.cancelSignIn(id);
  }

  /** The box stays open until the right address is in it, the user leaves it, or the sign-in ends otherwise. */
  #paste(id: ServerId, ended: AbortSignal): void {
    const { l10n, window } = this.vs;
    const box = window.createInputBox();
    box.title = l10n.t('Sign in for “{0}”', id);
    box.prompt = l10n.t(
      'After you have signed in, the browser cannot open a page. Copy its whole address from the address bar and paste it here.',
    );
    box.ignoreFocusOut = true;
    // The address holds a code that is worth a token, once.
    box.password = true;
    const close = () => box.hide();
    ended.addEventListener('abort', close, { once: true });
    box.onDidChangeValue(() => {
      box.validationMessage = undefined;
    });
    box.onDidAccept(() => {
      if (this.broker.pasteRedirect(id, box.value)) box.hide();
      else
        box.validationMessage = l10n.t(
          'That is not the address of this sign-in: it contains “code=” or “error=”, and “state=”.',
        );
    });
    box.onDidHide(() => {
      ended.removeEventListener('abort', close);
      box.dispose();
    });
    box.show();
  }
}
