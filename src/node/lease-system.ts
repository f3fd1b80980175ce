import { processSpace } from './process-space.js';

/** How others see time, chance and processes; replaced in tests. */
export interface LeaseSystem {
  /** Milliseconds on a clock that nobody sets. */
  readonly monotonicMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Names the space in which `isAlive` knows the processes. */
  readonly space: string;
  readonly isAlive: (pid: number) => boolean;
}

export const realSystem: LeaseSystem = {
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
  space: processSpace(),
  isAlive: (pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      // Somebody else's process is alive, too.
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
};
