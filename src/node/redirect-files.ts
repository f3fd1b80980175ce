import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disposable } from '../core/announcer.js';
import { describeError } from '../core/errors.js';
import type { Handover } from '../core/handover.js';
import type { Clock, Log } from '../core/ports.js';
import { replaceFile, sweep } from './atomic-file.js';
import { requirePrivateFolder } from './private-folder.js';
import { unlessMissing } from './unless-missing.js';

/** Watching a folder does not work everywhere; people do not notice this in the time they need for changing windows. */
const lookEveryMs = 300;

/** No sign-in waits for longer; what is older was left by a window that was killed. */
const staleAfterMs = 600_000;

/** A redirect carries a code, a state and an issuer; browsers themselves send little more than this. */
const redirectLimit = 16_384;

/** More windows do not sign in at once. */
const waitingLimit = 50;

const [waitingEnding, arrivedEnding] = ['.waiting', '.redirect'];

/**
 * Redirects as files for the user alone, in a folder that all windows of this host see, whatever their profile. Only
 * what a window waits for is ever written: whoever opens addresses of the editor with states of their own leaves
 * nothing. The code in it is worth nothing without the verifier (RFC 7636), which stays in the memory of the window
 * that waits.
 */
export class RedirectFiles implements Handover {
  /** @param folder - made when first needed */
  constructor(
    private readonly folder: string,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async expect(state: string, arrived: (redirect: string) => void): Promise<Disposable> {
    const name = nameOf(state);
    try {
      await requirePrivateFolder(this.folder);
      if ((await this.#tidy()) >= waitingLimit) throw new TypeError('Too many sign-ins wait already.');
      await replaceFile(this.folder, name + waitingEnding, String(this.clock.nowMs()), this.log);
    } catch (error) {
      this.log.warn(`Other windows cannot hand on a redirect: ${describeError(error)}`);
      return { dispose: () => undefined };
    }
    let looking: Disposable | undefined;
    let isOver = false;
    const end = () => {
      isOver = true;
      looking?.dispose();
      void this.#remove(name + waitingEnding, name + arrivedEnding);
    };
    const look = async () => {
      const redirect = await this.#read(name + arrivedEnding);
      if (isOver) return;
      if (redirect === undefined) {
        looking = this.clock.after(lookEveryMs, () => void look());
        return;
      }
      end();
      arrived(redirect);
    };
    looking = this.clock.after(lookEveryMs, () => void look());
    return { dispose: end };
  }

  async pass(state: string, redirect: string): Promise<boolean> {
    const name = nameOf(state);
    if (redirect.length > redirectLimit || !(await this.#isAwaited(name))) return false;
    try {
      await requirePrivateFolder(this.folder);
      await replaceFile(this.folder, name + arrivedEnding, redirect, this.log);
    } catch (error) {
      this.log.warn(`A redirect cannot be handed on: ${describeError(error)}`);
      return false;
    }
    // The sign-in may have ended meanwhile, and would not look any more.
    if (await this.#isAwaited(name)) return true;
    await this.#remove(name + arrivedEnding);
    return false;
  }

  async #isAwaited(name: string): Promise<boolean> {
    const sinceMs = Number(await this.#read(name + waitingEnding));
    return Math.abs(this.clock.nowMs() - sinceMs) <= staleAfterMs;
  }

  /** Removes what killed windows have left. @returns how many wait now */
  async #tidy(): Promise<number> {
    const files = await readdir(this.folder);
    await sweep(this.folder, files, this.log);
    const names = new Set(files.map((file) => file.slice(0, file.indexOf('.'))));
    let waiting = 0;
    for (const name of names) {
      if (await this.#isAwaited(name)) waiting += 1;
      else await this.#remove(name + waitingEnding, name + arrivedEnding);
    }
    return waiting;
  }

  async #read(file: string): Promise<string | undefined> {
    try {
      return await unlessMissing(readFile(join(this.folder, file), 'utf8'));
    } catch (error) {
      this.log.debug(`A redirect cannot be looked for: ${describeError(error)}`);
      return undefined;
    }
  }

  async #remove(...files: readonly string[]): Promise<void> {
    try {
      for (const file of files) await rm(join(this.folder, file), { force: true });
    } catch (error) {
      this.log.warn(`What is left of a redirect stays: ${describeError(error)}`);
    }
  }
}

/** A state is a secret of its sign-in until it is over, and may be any text. */
const nameOf = (state: string): string => createHash('sha256').update(state).digest('hex');
