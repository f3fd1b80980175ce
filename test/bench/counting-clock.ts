import type { Disposable } from '../../src/core/announcer.js';
import type { Clock } from '../../src/core/ports.js';

/** Real time, and how many timers run. */
export class CountingClock implements Clock {
  armed = 0;

  nowMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Disposable {
    let isArmed = true;
    const end = () => {
      if (isArmed) this.armed -= 1;
      isArmed = false;
    };
    this.armed += 1;
    const timer = setTimeout(() => {
      end();
      run();
    }, delayMs);
    return {
      dispose: () => {
        clearTimeout(timer);
        end();
      },
    };
  }
}
