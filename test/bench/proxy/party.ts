import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Where a party listens, and what a caller has to present. */
export interface Address {
  readonly url: string;
  readonly authorization: string;
}

/** What a process has used so far. */
export interface Usage {
  readonly cpuMicroseconds: number;
  readonly residentBytes: number;
  /** What is in use after the garbage was collected. */
  readonly heapBytes: number;
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
    const file = fileURLToPath(new URL(`${program}.ts`, import.meta.url));
    const process = fork(file, args, { execArgv: ['--import=tsx', '--expose-gc'] });
    return new Party(process, (await answerOf(process)) as Address);
  }

  async usage(): Promise<Usage> {
    return (await this.#ask('usage')) as Usage;
  }

  /** How far its resident memory rose above what it was before, at most, while `work` went on. @returns bytes */
  async growthDuring(work: () => Promise<unknown>): Promise<number> {
    await this.#ask('watch');
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

type Question = 'cpu' | 'usage' | 'watch' | 'growth';

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
  let watch: NodeJS.Timeout | undefined;
  const look = () => (most = Math.max(most, process.memoryUsage.rss()));
  const answers: Record<Question, () => unknown> = {
    usage: () => {
      globalThis.gc?.();
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      return { cpuMicroseconds: user + system, residentBytes: rss, heapBytes: heapUsed } satisfies Usage;
    },
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    watch: () => {
      globalThis.gc?.();
      before = process.memoryUsage.rss();
      most = before;
      watch = setInterval(look, 10);
      return before;
    },
    growth: () => {
      clearInterval(watch);
      look();
      return most - before;
    },
  };
  process.on('message', (question: Question) => process.send?.(answers[question]()));
  process.on('disconnect', () => process.exit());
  process.send?.(address);
}
