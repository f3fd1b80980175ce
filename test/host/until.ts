const pauseMs = 50;

/** Whether the editor did in time what was waited for. */
export const isDone = (waited: Promise<void>): Promise<boolean> =>
  waited.then(
    () => true,
    () => false,
  );

/**
 * Looks again and again until `look` returns something other than `undefined` or `false`, and returns that.
 * @param what - completes the sentence "There was no …" of the error
 * @throws Error after `limitMs`; an error of `look` itself ends the wait at once
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 20_000,
): Promise<T> {
  const deadlineMs = Date.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadlineMs) throw new Error(`There was no ${what} within ${limitMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
