/**
 * A value that must never be printed: a token, a client secret, a capability.
 * String conversion, `JSON.stringify` and the console's inspection all show `[redacted]`; `reveal` is the one
 * way out, so that every place where a secret leaves this type is found by searching for that word.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** Whether both hold the same value. Not in constant time: never use it to check what a caller presents. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}
