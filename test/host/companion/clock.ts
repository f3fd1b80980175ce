/** The broker's own code, not the companion's, as it stands in the stack of who calls. */
const broker = /mcp-credential-broker\.mcp-credential-broker-\d/;

/** What is due sooner comes by itself. */
const shortMs = 10_000;

const waiting = new Map<NodeJS.Timeout, { readonly dueAtMs: number; readonly run: () => void }>();

/** From now on the broker's long timers are known, so that {@link letTimePass} can bring them forward. */
export function watchTimers(): void {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const watched = (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): NodeJS.Timeout => {
    if (delayMs < shortMs || !broker.test(new Error().stack ?? '')) return set(run, delayMs, ...args);
    const fire = () => {
      clear(timer);
      waiting.delete(timer);
      run(...args);
    };
    const timer = set(fire, delayMs);
    waiting.set(timer, { dueAtMs: Date.now() + delayMs, run: fire });
    return timer;
  };
  globalThis.setTimeout = Object.assign(watched, set);
  globalThis.clearTimeout = (timer) => {
    if (typeof timer === 'object') waiting.delete(timer);
    clear(timer);
  };
}

/** Lets the clock of the extension host be ahead by so much more. */
export function advanceClock(byMs: number): void {
  const before = Date.now.bind(Date);
  Date.now = () => before() + byMs;
}

/** Advances the clock, and runs those of the broker's long timers that are due by then. */
export function letTimePass(byMs: number): void {
  advanceClock(byMs);
  for (const { dueAtMs, run } of [...waiting.values()]) if (dueAtMs <= Date.now()) run();
}
