import type { LookupFunction } from 'node:net';
import { reachOf, type Reach } from '../../src/node/reach.js';

/** A computer without a network has no public address, so another one stands for the world outside. */
export const outside =
  (...addresses: readonly string[]) =>
  (address: string): Reach =>
    addresses.includes(address) ? 'public' : reachOf(address);

/**
 * A resolver that knows what a test tells it, and nobody else.
 * @param answers - by name, what each question gets in turn; the last answer stays
 */
export function scriptedLookup(
  answers: Readonly<Record<string, readonly (string | readonly string[])[]>>,
): LookupFunction {
  const asked = new Map<string, number>();
  return (name, { all = false }, done) => {
    const turn = asked.get(name) ?? 0;
    asked.set(name, turn + 1);
    const known = answers[name];
    const found = [known?.[turn] ?? known?.at(-1) ?? []].flat();
    process.nextTick(() => {
      const [address] = found.map((text) => ({ address: text, family: text.includes(':') ? 6 : 4 }));
      if (address === undefined) {
        const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
        done(error, '');
      } else if (all)
        done(
          null,
          found.map((text) => ({ address: text, family: text.includes(':') ? 6 : 4 })),
        );
      else done(null, address.address, address.family);
    });
  };
}
