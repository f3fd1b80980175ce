import type { LedgerContent } from '../../src/core/ledger.js';
import { MemoryLedger } from '../../src/vault/ledgers/memory-ledger.js';

type Operation = 'load' | 'append' | 'fold';

/** A ledger in memory that can be looked at, damaged, held up, and that fails when a test says so. */
export class FailingLedger extends MemoryLedger {
  /** The lines of every attempt to add some. */
  readonly appends: (readonly string[])[] = [];
  folds = 0;
  /** In how many pieces it says that it lies. */
  pieces = 1;
  readonly #failures: Record<Operation, number> = { load: 0, append: 0, fold: 0 };
  readonly #waiting = new Set<() => void>();
  #gate = Promise.resolve();

  /** The next `times` operations of this kind fail, as those in a folder without rights do. */
  failNext(operation: Operation, times = 1): void {
    this.#failures[operation] += times;
  }

  /** Reading it has no end until the returned function is called. */
  hold(): () => void {
    let open: () => void = () => undefined;
    this.#gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    return open;
  }

  /** Resolves when it has been tried so often to add lines, and a moment for the failure to be noticed. */
  async appended(times: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (this.appends.length < times) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    await new Promise((resolve) => setImmediate(resolve));
  }

  override async load(): Promise<LedgerContent> {
    await this.#gate;
    await this.#begin('load');
    return { ...(await super.load()), pieces: this.pieces };
  }

  override async append(lines: readonly string[]): Promise<void> {
    this.appends.push(lines);
    for (const look of [...this.#waiting]) look();
    await this.#begin('append');
    await super.append(lines);
  }

  override async fold(keep: (lines: readonly string[]) => readonly string[]): Promise<void> {
    this.folds += 1;
    await this.#begin('fold');
    await super.fold(keep);
  }

  #begin(operation: Operation): Promise<void> {
    if (this.#failures[operation] === 0) return Promise.resolve();
    this.#failures[operation] -= 1;
    return Promise.reject(new Error(`The folder is locked (${operation}).`));
  }
}
