import type { Child } from '../support/child-process.js';
import { fates, WindowCrowd } from '../support/window-crowd.js';
import { Dice } from './dice.js';

const windowCount = 8;

/** How many of the rounds a window does not outlive. */
const killShare = 1 / 3;

const steps = Object.keys(fates) as readonly (keyof typeof fates)[];

/**
 * Lets windows that are processes meet at the same expiry again and again, and kills one of them in some rounds.
 * @returns whether there was one renewal for each expiry, and one family is alive at the end
 */
export async function runProcesses(
  rounds: number,
  seed: number,
  print: (text: string) => void,
): Promise<boolean> {
  const startedAtMs = performance.now();
  const crowd = await WindowCrowd.start();
  try {
    const run = new Rounds(crowd, new Dice(seed));
    await run.run(rounds);
    run.report(print);
    const outcome = run.violations.length === 0 ? 'as it should be' : `${run.violations.length} violations`;
    print(`seed ${seed}: ${outcome}, in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    return run.violations.length === 0;
  } finally {
    await crowd.close();
  }
}

class Rounds {
  readonly violations: string[] = [];
  readonly #counts = new Map<string, number>();
  #windows: Child[] = [];
  #round = 0;

  constructor(
    private readonly crowd: WindowCrowd,
    private readonly dice: Dice,
  ) {}

  async run(rounds: number): Promise<void> {
    this.#windows = [...(await this.crowd.open(windowCount))];
    await this.#signIn();
    for (this.#round = 1; this.#round <= rounds; this.#round++) {
      if (this.dice.chance(killShare)) await this.#killOne();
      else await this.#expire(this.#windows, 1);
    }
    await this.#expire(this.#windows, 1);
    const { refreshes, refusedRefreshes, signIns } = this.crowd.issuer.counts();
    this.#count('windows', windowCount);
    this.#count('renewals at the issuer', refreshes);
    this.#count('refresh tokens that the issuer refused', refusedRefreshes);
    this.#count('sign-ins', signIns);
    this.#count('families that are alive at the end', this.crowd.issuer.liveGrants());
    this.#expect('families that are alive at the end', this.crowd.issuer.liveGrants(), 1);
  }

  report(print: (text: string) => void): void {
    for (const [what, count] of this.#counts) print(`  ${String(count).padStart(5)}  ${what}`);
    for (const violation of this.violations) print(`  ✗ ${violation}`);
  }

  /** All windows want the token at the moment when it has ended. */
  async #expire(windows: readonly Child[], renewals: 0 | 1, command = this.crowd.expiry()): Promise<void> {
    const before = this.crowd.issuer.counts();
    const answers = new Set(await this.crowd.ask(windows, command));
    const after = this.crowd.issuer.counts();
    this.#count('expiries');
    this.#expect('different answers', answers.size, 1);
    if (![...answers].every((answer) => answer.startsWith('token ')))
      this.#violated(`A call is answered with ${[...answers].join(', ')}.`);
    this.#expect('renewals', after.refreshes - before.refreshes, renewals);
    this.#expect('refusals', after.refusedRefreshes - before.refusedRefreshes, 0);
  }

  /** One window is killed in the middle of the renewal that all others wait for. */
  async #killOne(): Promise<void> {
    const { issuer } = this.crowd;
    const step = this.dice.pick(steps);
    const victim = this.dice.pick(this.#windows);
    const others = this.#windows.filter((window) => window !== victim);
    const before = issuer.counts();
    victim.tell(`stop ${step}`);
    const command = this.crowd.expiry();
    const from = victim.lines.length;
    victim.tell(command);
    await victim.says(new RegExp(`^at ${step}$`), from);
    // As soon as the request has had its effect; before, nothing would be lost.
    if (step === 'request-sent') await issuer.occurrence(() => issuer.counts().refreshes > before.refreshes);
    const renewed = issuer.counts().refreshes - before.refreshes;
    this.#count('kills');
    this.#count(`kills at ${step}`);
    if (fates[step] === 'kept') {
      const asked = this.#expire(others, renewed === 0 ? 1 : 0, command);
      await victim.kill();
      await asked;
      this.#expect('renewals in all', issuer.counts().refreshes - before.refreshes, 1);
    } else {
      const asked = this.crowd.ask(others, command);
      await victim.kill();
      this.#lost(await asked, issuer.counts().refusedRefreshes - before.refusedRefreshes);
    }
    const [next] = await this.crowd.open(1);
    if (next !== undefined) this.#windows = [...others, next];
    if (fates[step] === 'lost') await this.#signIn();
  }

  /** What only the killed window knew is gone: one window finds out for all, and each says so. */
  #lost(answers: readonly string[], refused: number): void {
    this.#count('expiries');
    this.#count('grants that had to be lost with their window');
    this.#expect('refusals', refused, 1);
    for (const answer of answers) {
      const isTold = /^error .*"grant_refused".*"reason":"window-lost","account":"alice@example.com"/.test(
        answer,
      );
      if (isTold) this.#count('calls that were told of it');
      else this.#violated(`A call after a loss is answered with ${answer}.`);
    }
  }

  async #signIn(): Promise<void> {
    const from = this.#windows.map((window) => window.lines.length);
    await this.crowd.signIn();
    await Promise.all(this.#windows.map((window, n) => window.says(/^ready$/, from[n])));
  }

  #count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  #expect(what: string, actual: number, expected: number): void {
    if (actual !== expected) this.#violated(`${what}: ${actual}, and ${expected} expected.`);
  }

  #violated(what: string): void {
    this.violations.push(`round ${this.#round}: ${what}`);
  }
}
