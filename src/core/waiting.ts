import type { Disposable } from './announcer.js';
import type { Clock } from './ports.js';

/** Ends a wait, once; what comes later has no effect. */
interface End<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Waits until it is so.
 * @param onDidChange - listens for changes, any of which may have made it so
 * @param isSo - asked at once and after each change, until it is so
 * @throws (from the result) the reason of `signal` when that is aborted before
 */
export function until(
  onDidChange: (listener: () => void) => Disposable,
  isSo: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  return waiting(signal, ({ resolve }) => {
    const look = () => {
      if (isSo()) resolve();
    };
    const listening = onDidChange(look);
    look();
    return listening;
  });
}

/** Waits for `delayMs`. @throws (from the result) the reason of `signal` when that is aborted before */
export function pause(clock: Clock, delayMs: number, signal = new AbortController().signal): Promise<void> {
  return waiting(signal, ({ resolve }) => clock.after(delayMs, resolve));
}

/**
 * Waits for `work`, but for `limitMs` at most.
 * @param late - what is thrown when it takes longer
 * @param work - is given a signal that is aborted as soon as nobody waits for it any more
 * @throws (from the result) as `work`; `late`; the reason of `signal` when that is aborted before
 */
export function withinLimit<T>(
  clock: Clock,
  limitMs: number,
  late: Error,
  work: (signal: AbortSignal) => Promise<T>,
  signal = new AbortController().signal,
): Promise<T> {
  const limit = new AbortController();
  return waiting(signal, ({ resolve, reject }) => {
    work(AbortSignal.any([limit.signal, signal])).then(resolve, reject);
    return clock.after(limitMs, () => {
      limit.abort(late);
      reject(late);
    });
  });
}

/** @param begin - sets the wait up, and may end it at once; what it returns is disposed when the wait is over */
function waiting<T>(signal: AbortSignal, begin: (end: End<T>) => Disposable): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const parts: Disposable[] = [];
    let isWaiting = true;
    const end = (settle: () => void) => {
      if (!isWaiting) return;
      isWaiting = false;
      signal.removeEventListener('abort', onAbort);
      for (const part of parts) part.dispose();
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason as Error));
    signal.addEventListener('abort', onAbort);
    const part = begin({
      resolve: (value) => end(() => resolve(value)),
      reject: (error) => end(() => reject(error)),
    });
    if (stillWaits()) parts.push(part);
    else part.dispose();

    function stillWaits(): boolean {
      return isWaiting;
    }
  });
}
