import { isAmong, reaches, tokenOrigin, type Reach } from '../../core/reach.js';

/** So many are kept, which is more than a window asks. */
const placesLimit = 1_000;

/** Where a server is asked; every call asks there, and for the same resource. */
export class Place {
  static readonly #known = new Map<string, Place>();
  readonly url: URL;
  readonly #origin: string | undefined;
  #resource: string | undefined;

  private constructor(private readonly address: string) {
    this.url = new URL(address);
    this.#origin = tokenOrigin(address);
  }

  /** @throws TypeError when `address` is no URL */
  static at(address: string): Place {
    let place = Place.#known.get(address);
    if (place === undefined) {
      if (Place.#known.size >= placesLimit) Place.#known.clear();
      place = new Place(address);
      Place.#known.set(address, place);
    }
    return place;
  }

  /** Whether a token with `reach` may be sent there. Origins are looked at each time: the user may take them back. */
  isWithin(reach: Reach): boolean {
    if (reach.kind === 'origins') return isAmong(reach, this.#origin);
    if (reach.resource === this.#resource) return true;
    const isReached = reaches(reach, this.address);
    if (isReached) this.#resource = reach.resource;
    return isReached;
  }
}
