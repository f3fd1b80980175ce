import { keyOf, keyText, type LiveCredential } from '../../core/credential.js';

interface Departure {
  left?: LiveCredential;
}

/**
 * The credentials that are being signed out in this window. A renewal that is under way meanwhile leaves what it brings
 * to the sign-out, which alone knows how far it is to go, and so whether the grant ends at the issuer.
 */
export class Departures {
  readonly #departures = new Map<string, Departure>();

  /**
   * Does `work`, which signs `key` out.
   * @param work - is given what asks for the newest tokens that a renewal has left; undefined when none has
   */
  async during<T>(key: string, work: (left: () => LiveCredential | undefined) => Promise<T>): Promise<T> {
    const departure: Departure = {};
    this.#departures.set(key, departure);
    try {
      return await work(() => departure.left);
    } finally {
      if (this.#departures.get(key) === departure) this.#departures.delete(key);
    }
  }

  /** @returns whether there is a sign-out that takes `credential`, which nobody is to use any more */
  leave(credential: LiveCredential): boolean {
    const departure = this.#departures.get(keyText(keyOf(credential)));
    if (departure === undefined) return false;
    departure.left = credential;
    return true;
  }
}
