import type { Journal } from '../../core/journal.js';

const probeName = 'probe';

/** SecretStorage has what a window wrote about a second later; a write of it that failed is made up within seconds. */
const givenUpAfterMs = 30_000;

/** Failures further apart say nothing of the time between them; the tries of a renewal are closer to each other. */
const sameTroubleMs = 180_000;

/** Whether a journal that cannot be read may still be what another window writes into. */
export class JournalHealth {
  /** Whether a text has come out of it, or gone into it. */
  #hasWorked = false;
  /** When it was found unusable, first and last, if nothing has worked since. */
  #broken: { readonly sinceMs: number; readonly lastMs: number } | undefined;

  constructor(private readonly journal: Pick<Journal, 'write' | 'remove'>) {}

  /** To be called when a text has come out of it, or gone into it. */
  worked(): void {
    this.#hasWorked = true;
    this.#broken = undefined;
  }

  /** Whether it takes nothing, either, when it cannot be read. */
  async isUnusable(nowMs: number): Promise<boolean> {
    try {
      await this.journal.write(probeName, '');
      this.worked();
      await this.journal.remove(probeName);
      return false;
    } catch {
      const before = this.#broken;
      const isSame = before !== undefined && Math.abs(nowMs - before.lastMs) <= sameTroubleMs;
      this.#broken = { sinceMs: isSame ? before.sinceMs : nowMs, lastMs: nowMs };
      return true;
    }
  }

  /**
   * Whether it has been unusable for so long that whatever another window wrote into it before is in SecretStorage, too.
   * Where it has never worked, as in a folder without rights, that is so at once.
   */
  async isGivenUp(nowMs: number): Promise<boolean> {
    if (!(await this.isUnusable(nowMs))) return false;
    return !this.#hasWorked || nowMs - (this.#broken?.sinceMs ?? nowMs) >= givenUpAfterMs;
  }
}
