import { Announcer, type Disposable } from '../../core/announcer.js';
import type { Log } from '../../core/ports.js';
import type { VSCode } from '../editor/api.js';
import { openSettings } from './open-settings.js';
import { unlinked } from '../editor/unlinked.js';

/** A mistake in the settings. */
export interface SettingsProblem {
  /** The setting, or the environment variable that stands for it. */
  readonly place: string;
  /** Which entry of it, when it has several. */
  readonly label?: string;
  /** What is wrong and what belongs there, as the rest of a sentence, without its full stop. */
  readonly message: string;
}

/** Somebody who finds mistakes. */
export interface ProblemSource {
  readonly problems: readonly SettingsProblem[];
  onDidChange(listener: () => void): Disposable;
}

/** A notification has room for so many; the rest is in the menu. */
const shownAtOnce = 3;

/**
 * All mistakes in the settings. They are in the log, in the status bar's tooltip and in its menu; somebody who is
 * editing the settings is told as soon as one is saved.
 */
export class SettingsProblems implements Disposable {
  readonly #listening: readonly Disposable[];
  readonly #changes: Announcer<undefined>;
  #known: ReadonlySet<string>;
  #isLooking = false;
  #isDisposed = false;

  constructor(
    private readonly vs: VSCode,
    private readonly sources: readonly ProblemSource[],
    private readonly log: Log,
  ) {
    this.#changes = new Announcer((error) => log.error(String(error)));
    this.#known = new Set(this.#texts());
    for (const text of this.#known) log.warn(text);
    this.#listening = sources.map((source) => source.onDidChange(() => this.#lookSoon()));
  }

  get all(): readonly SettingsProblem[] {
    return this.sources.flatMap(({ problems }) => problems);
  }

  onDidChange(listener: () => void): Disposable {
    return this.#changes.listen(listener);
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const listening of this.#listening) listening.dispose();
    this.#changes.dispose();
  }

  /** When all sources have seen what was saved. */
  #lookSoon(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    queueMicrotask(() => {
      this.#isLooking = false;
      if (!this.#isDisposed) this.#look();
    });
  }

  #look(): void {
    const texts = this.#texts();
    const fresh = texts.filter((text) => !this.#known.has(text));
    this.#known = new Set(texts);
    this.#changes.announce(undefined);
    for (const text of fresh) this.log.warn(text);
    if (fresh.length > 0) void this.#show(fresh);
  }

  #texts(): string[] {
    return this.all.map((problem) => problemText(this.vs.l10n, problem));
  }

  async #show(texts: readonly string[]): Promise<void> {
    const { l10n, window } = this.vs;
    const open = l10n.t('Open Settings');
    const more = texts.length - shownAtOnce;
    const rest = more <= 0 ? [] : [more === 1 ? l10n.t('And 1 more.') : l10n.t('And {0} more.', more)];
    const text = [...texts.slice(0, shownAtOnce), ...rest].join(' ');
    if ((await window.showWarningMessage(unlinked(text), open)) === open) await openSettings(this.vs);
  }
}

/** The mistake as one sentence that begins with its place. */
function problemText(l10n: VSCode['l10n'], { place, label, message }: SettingsProblem): string {
  return label === undefined
    ? `${place} ${message}.`
    : l10n.t('{0}, entry {1}: {2}.', place, JSON.stringify(label), message);
}
