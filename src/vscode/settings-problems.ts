import type { Disposable } from '../core/announcer.js';
import type { VSCode } from './api.js';
import type { ConfiguredServers } from './configured-servers.js';
import { openSettings } from './status-menu.js';
import { unlinked } from './unlinked.js';

/**
 * Tells somebody who is editing the settings about a mistake as soon as they save it. Mistakes that were there at the
 * start are in the status bar's tooltip, its menu and the log.
 */
export class SettingsProblems implements Disposable {
  readonly #listening: Disposable;
  #known: ReadonlySet<string>;

  constructor(
    private readonly vs: VSCode,
    private readonly configured: ConfiguredServers,
  ) {
    this.#known = new Set(this.#texts());
    this.#listening = configured.onDidChange(() => {
      const texts = this.#texts();
      const fresh = texts.find((text) => !this.#known.has(text));
      this.#known = new Set(texts);
      if (fresh !== undefined) void this.#show(fresh);
    });
  }

  dispose(): void {
    this.#listening.dispose();
  }

  #texts(): string[] {
    return this.configured.problems.map(
      ({ label, message }) => `mcpCredentials.servers: ${JSON.stringify(label)} ${message}.`,
    );
  }

  async #show(text: string): Promise<void> {
    const open = this.vs.l10n.t('Open Settings');
    if ((await this.vs.window.showWarningMessage(unlinked(text), open)) === open) await openSettings(this.vs);
  }
}
