import { fork, type ChildProcess } from 'node:child_process';
import { bundled } from './bundled.js';

/** Where a party listens, and what a caller has to present. */
export interface Address {
  readonly url: string;
  readonly authorization: string;
}

/** A program of this folder in a process of its own, so that nobody's work is counted as another's. */
export class Party {
  readonly #process: ChildProcess;

  private constructor(
    process: ChildProcess,
    readonly address: Address,
  ) {
    this.#process = process;
  }

  /** @param program - the name of a file in this folder, without `.ts` */
  static async start(program: string, ...args: readonly string[]): Promise<Party> {
    const process = fork(await bundled(program), args, { execArgv: ['--expose-gc'] });
    return new Party(process, (await answerOf(process)) as Address);
  }

  /** What it has used of a processor so far. */
  async cpuMicroseconds(): Promise<number> {
    return (await this.#ask('cpu')) as number;
  }

  /** What is in use after the garbage was collected. */
  async heapBytes(): Promise<number> {
    return (await this.#ask('heap')) as number;
  }

  /**
   * How far its memory rose above what it was before, at most, while `work` went on: what the system has given it, with
   * the garbage that nobody has collected yet, or what it holds on to.
   * @returns bytes
   */
  async growthDuring(what: 'resident' | 'held', work: () => Promise<unknown>): Promise<number> {
    await this.#ask(what);
    await work();
    return (await this.#ask('growth')) as number;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
  }

  #ask(question: Question): Promise<unknown> {
    this.#process.send(question);
    return answerOf(this.#process);
  }
}

type Question = 'cpu' | 'heap' | 'resident' | 'held' | 'growth';

function answerOf(process: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('A party of the bench has ended.'));
    process.once('exit', onExit);
    process.once('message', (answer) => {
      process.off('exit', onExit);
      resolve(answer);
    });
  });
}

/** The side of the process: tells where it listens, and answers what `Party` asks. */
export function takePart(address: Address): void {
  let before = 0;
  let most = 0;
  let watching: NodeJS.Timeout | undefined;
  let look = () => 0;
  const watch = (take: () => number, everyMs: number) => {
    globalThis.gc?.();
    before = most = take();
    look = () => (most = Math.max(most, take()));
    watching = setInterval(look, everyMs);
    return before;
  };
  const held = () => {
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const answers: Record<Question, () => unknown> = {
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    heap: () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    },
    resident: () => watch(() => process.memoryUsage.rss(), 10),
    held: () => watch(held, 500),
    growth: () => {
      clearInterval(watching);
      look();
      return most - before;
    },
  };
  process.on('message', (question: Question) => process.send?.(answers[question]()));
  process.on('disconnect', () => process.exit());
  process.send?.(address);
}
