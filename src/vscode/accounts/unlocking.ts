import type { Disposable } from '../../core/announcer.js';
import { BrokerError, describeError } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import { Secret } from '../../core/secret.js';
import type { Storage } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';
import { askFor, type InputQuestion } from '../editor/input-box.js';
import { unlinked } from '../editor/unlinked.js';

/** NIST SP 800-63B asks for 15 where a passphrase is all there is; scrypt makes up for some of it. */
const shortest = 12;

/**
 * Opens what is locked: says in one notification that something waits for it, and asks for the passphrase on a click.
 * One that was closed, or whose click has opened nothing, comes again with the next call that waits, and with nothing else.
 */
export class Unlocking implements Disposable {
  readonly #listening: Disposable;
  #hasAsked = false;
  /** Whether the notification is open, or what a click on it has led to. */
  #isOpen = false;
  readonly #closing = new AbortController();

  constructor(
    private readonly vs: VSCode,
    private readonly storage: Storage,
    private readonly log: Log,
  ) {
    this.#listening = storage.onDidAsk((isCall) => void this.#offer(isCall));
  }

  dispose(): void {
    this.#listening.dispose();
    this.#closing.abort();
  }

  /**
   * Asks for the passphrase; for a new one twice. To be called only because the user wants to.
   * @returns whether nothing is locked any more
   */
  async unlock(): Promise<boolean> {
    const { storage, log, vs } = this;
    try {
      // What is to be moved may be behind a lock of its own.
      while (storage.isLocked) {
        const isNew = await storage.isPassphraseNew();
        if (!(await (isNew ? this.#choose() : this.#enter()))) return false;
      }
      return true;
    } catch (error) {
      log.error(`Unlocking: ${describeError(error)}`);
      const why =
        error instanceof BrokerError ? String(error.details['why'] ?? error.message) : String(error);
      void vs.window.showErrorMessage(
        unlinked(vs.l10n.t('The stored credentials cannot be opened: {0}.', why)),
      );
      return false;
    }
  }

  async #offer(isCall: boolean): Promise<void> {
    if (this.#isOpen || (this.#hasAsked && !isCall)) return;
    this.#hasAsked = true;
    this.#isOpen = true;
    await this.#notify().finally(() => (this.#isOpen = false));
  }

  async #notify(): Promise<void> {
    const { vs, storage } = this;
    const { l10n, window } = vs;
    const isNew = await storage.isPassphraseNew().catch(() => false);
    const [text, button] = isNew
      ? [
          l10n.t('Your MCP credentials need a passphrase before they can be stored.'),
          l10n.t('Choose Passphrase'),
        ]
      : [l10n.t('Your MCP credentials are locked.'), l10n.t('Unlock')];
    if ((await window.showWarningMessage(text, button)) === button) await this.unlock();
  }

  async #enter(): Promise<boolean> {
    const { l10n } = this.vs;
    const passphrase = await this.#ask({
      title: l10n.t('Unlock MCP Credentials'),
      prompt: l10n.t('The passphrase of your stored MCP credentials'),
      check: async (text) =>
        (await this.storage.unlock(new Secret(text)))
          ? undefined
          : l10n.t('That is not the passphrase. Try again.'),
    });
    return passphrase !== undefined;
  }

  async #choose(): Promise<boolean> {
    const { l10n } = this.vs;
    const title = l10n.t('Passphrase for MCP Credentials');
    const chosen = await this.#ask({
      title,
      prompt: l10n.t(
        'Choose a passphrase for your stored MCP credentials. If you lose it, nobody can recover them, and you sign in again everywhere.',
      ),
      check: (text) =>
        text.length < shortest ? l10n.t('At least {0} characters, please.', shortest) : undefined,
    });
    if (chosen === undefined) return false;
    const again = await this.#ask({
      title,
      prompt: l10n.t('The same passphrase once more'),
      check: async (text) => {
        if (text !== chosen) return l10n.t('That is another one. Press Escape to begin again.');
        // Another window may have chosen one in the meantime.
        const isTheOne = await this.storage.unlock(new Secret(text));
        return isTheOne ? undefined : l10n.t('Another window has chosen another passphrase. Use that one.');
      },
    });
    return again !== undefined;
  }

  #ask(question: Omit<InputQuestion, 'isSecret'>): Promise<string | undefined> {
    return askFor(this.vs, { ...question, isSecret: true }, this.#closing.signal);
  }
}
