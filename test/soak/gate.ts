/** Where a simulated window waits for something outside of it: there it can be killed, and there it can be frozen. */
export class Gate {
  #isDead = false;
  #stepsToLive = Infinity;
  #stepsToFreeze = Infinity;
  #frozen: { readonly thawed: Promise<void>; readonly thaw: () => void } | undefined;

  /**
   * @param onDeath - is told at which step the window died, if at one
   * @param onFreeze - is told that the window stands still from now on
   */
  constructor(
    private readonly onDeath: (step: string) => void,
    private readonly onFreeze: () => void,
  ) {}

  get isDead(): boolean {
    return this.#isDead;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  /** Nothing of the window goes on after the step that is so many away. */
  dieIn(steps: number): void {
    this.#stepsToLive = steps;
  }

  freezeIn(steps: number): void {
    this.#stepsToFreeze = steps;
  }

  die(step: string): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.onDeath(step);
  }

  thaw(): void {
    this.#stepsToFreeze = Infinity;
    this.#frozen?.thaw();
    this.#frozen = undefined;
  }

  /** Resolves when the window may go on, which is never when it is dead. */
  async pass(step: string): Promise<void> {
    this.#stepsToLive -= 1;
    this.#stepsToFreeze -= 1;
    if (this.#stepsToLive <= 0) this.die(step);
    else if (this.#stepsToFreeze <= 0) this.#freeze();
    while (this.#frozen !== undefined) await this.#frozen.thawed;
    if (this.#isDead) await new Promise(() => undefined);
  }

  /** Work of the outside world on behalf of the window, which can die before and after it. */
  async through<T>(step: string, work: () => PromiseLike<T>): Promise<T> {
    await this.pass(`${step} begins`);
    // It may have died at another step in this very moment.
    if (this.#isDead) await new Promise(() => undefined);
    try {
      return await work();
    } finally {
      await this.pass(`${step} has ended`);
    }
  }

  #freeze(): void {
    this.#stepsToFreeze = Infinity;
    if (this.#frozen !== undefined || this.#isDead) return;
    let thaw: () => void = () => undefined;
    const thawed = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    this.#frozen = { thawed, thaw };
    this.onFreeze();
  }
}
