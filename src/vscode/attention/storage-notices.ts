import type { Disposable } from '../../core/announcer.js';
import { describeError } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import type { Storage } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';
import type { Settings } from '../settings/settings.js';
import { placeText } from '../texts/place-text.js';
import { unlinked } from '../editor/unlinked.js';

export interface StorageNoticesParts {
  readonly vs: VSCode;
  readonly storage: Storage;
  readonly settings: Settings;
  readonly log: Log;
  readonly showLog: () => void;
}

/** What the user has to know about storage, each said once. */
export class StorageNotices implements Disposable {
  readonly #listening: readonly Disposable[];
  readonly #said = new Set<string>();
  readonly #atStart: string;

  constructor(private readonly parts: StorageNoticesParts) {
    const { storage, settings } = parts;
    this.#atStart = this.#settings();
    this.#listening = [
      storage.onDidChange(() => this.#look()),
      settings.onDidChange(() => {
        // Every window hears of the change; the user is in one of them.
        if (this.#settings() !== this.#atStart && parts.vs.window.state.focused)
          this.#once('reload', () => this.#offerReload());
      }),
    ];
  }

  dispose(): void {
    for (const listening of this.#listening) listening.dispose();
  }

  #settings(): string {
    const { settings } = this.parts;
    return JSON.stringify([
      settings.text('storage.backend'),
      settings.text('storage.directory'),
      settings.text('storage.keyFile'),
    ]);
  }

  #look(): void {
    const { storage } = this.parts;
    if (storage.isForgetfulnessNews) this.#once('forgets', () => this.#tellOfForgetfulness());
    if (storage.isLeftBehindNews) this.#once('left behind', () => this.#askAboutLeftBehind());
    if (storage.health.moveFailure !== undefined) this.#once('not moved', () => this.#tellOfFailure());
  }

  #once(what: string, say: () => Promise<void>): void {
    if (this.#said.has(what)) return;
    this.#said.add(what);
    say().catch((error: unknown) => {
      this.parts.log.error(`After a message about storage: ${describeError(error)}`);
    });
  }

  async #tellOfForgetfulness(): Promise<void> {
    const { vs, storage } = this.parts;
    const { l10n, window, workspace } = vs;
    await storage.toldOfForgetfulness();
    const [useFile, keepIt] = [l10n.t('Use an Encrypted File'), l10n.t('Keep It')];
    const text = l10n.t(
      'Your editor keeps secrets only until it is closed, because the system offers it no keyring or the browser no key. You would have to sign in to your MCP servers again after every start.',
    );
    if ((await window.showWarningMessage(text, useFile, keepIt)) !== useFile) return;
    const user = vs.ConfigurationTarget.Global;
    await workspace.getConfiguration('mcpCredentials').update('storage.backend', 'encryptedFile', user);
  }

  async #askAboutLeftBehind(): Promise<void> {
    const { vs, storage } = this.parts;
    const { l10n, window } = vs;
    const [deleteThem, keepThem] = [l10n.t('Delete Stored Credentials'), l10n.t('Keep')];
    const text = l10n.t(
      'From now on nothing is stored, but what earlier windows have stored is still there. Deleting it removes all MCP credentials and registrations, damaged and renamed ones too, the remembered accounts, sessions and answers, and the audit trail. Your settings stay, and so does a key file.',
    );
    const choice = await window.showInformationMessage(text, deleteThem, keepThem);
    if (choice === deleteThem) await storage.deleteLeftBehind();
    if (choice === keepThem) await storage.keepLeftBehind();
  }

  async #tellOfFailure(): Promise<void> {
    const { vs, storage, showLog } = this.parts;
    const { l10n, window } = vs;
    const showButton = l10n.t('Show Log');
    const text = l10n.t(
      'Your MCP credentials could not be moved, so they stay where they were: in {0}. The next start tries again.',
      placeText(l10n, storage.health),
    );
    if ((await window.showErrorMessage(unlinked(text), showButton)) === showButton) showLog();
  }

  async #offerReload(): Promise<void> {
    const { vs } = this.parts;
    const { l10n, window, commands } = vs;
    const reload = l10n.t('Reload Window');
    const text = l10n.t('Reload the window to move your credentials.');
    if ((await window.showInformationMessage(text, reload)) === reload)
      await commands.executeCommand('workbench.action.reloadWindow');
  }
}
