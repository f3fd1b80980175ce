/** Anything that holds something until it is disposed. */
export interface Disposable {
  dispose(): void;
}

/**
 * Tells listeners what has happened. Nothing is decided by listening: a listener that throws is reported to
 * `onError` and keeps neither the others nor the teller from going on.
 */
export class Announcer<T> implements Disposable {
  readonly #listeners = new Set<(news: T) => void>();

  constructor(private readonly onError: (error: unknown) => void) {}

  listen(listener: (news: T) => void): Disposable {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  announce(news: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(news);
      } catch (error) {
        this.onError(error);
      }
    }
  }

  dispose(): void {
    this.#listeners.clear();
  }
}
