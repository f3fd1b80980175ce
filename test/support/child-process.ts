import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of its own that runs one of the programs beside this file and speaks in lines. */
export class Child {
  readonly lines: string[] = [];
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting = new Set<() => void>();
  #errors = '';
  /** The signal or the code with which it ended. */
  readonly ended: Promise<string>;
  #hasEnded = false;

  /** @param program - the name of a file in this folder, without `.ts` */
  constructor(program: string, ...args: readonly string[]) {
    const file = fileURLToPath(new URL(`${program}.ts`, import.meta.url));
    this.#process = spawn(process.execPath, ['--import=tsx', file, ...args], { stdio: 'pipe' });
    this.#process.stderr.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      this.lines.push(line);
      this.#look();
    });
    this.ended = new Promise((resolve) => {
      this.#process.on('close', (code, signal) => {
        this.#hasEnded = true;
        resolve(signal ?? String(code));
        this.#look();
      });
    });
    this.#process.stdin.on('error', () => undefined); // It may be dead by then.
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** The first line, past or future, that matches, from the line `after` on. */
  async says(pattern: RegExp, after = 0): Promise<string> {
    for (;;) {
      const found = this.lines.slice(after).find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (this.#hasEnded) throw new Error(`It ended without saying ${String(pattern)}: ${this.#errors}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    this.#process.kill(signal);
  }

  /** From now on it can create files, but write nothing into them. On Linux only. */
  fillDisk(): void {
    execFileSync('prlimit', [`--pid=${this.pid}`, '--fsize=0:0']);
  }

  /** Ends it, however it stands. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  #look(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }
}
