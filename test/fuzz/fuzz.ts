import fc from 'fast-check';

/** The same inputs in every run, unless `FUZZ_SEED` says otherwise. */
const seed = numberFrom('FUZZ_SEED', 20_260_728);

/** How many inputs all properties together are tried with. */
const inputs = numberFrom('FUZZ_RUNS', 100_000);

/** Far more than any property needs on a slow computer: what reaches it hangs. */
const limitMs = { base: 60_000, perInput: 500 };

let tried = 0;

/**
 * A test that a property holds for many inputs. When it does not, the smallest input that shows it is reported, with
 * the seed.
 * @param perMille - which part of all inputs this property is tried with
 * @param arbitraries - where the arguments of `property` come from
 * @param property - throws for an input for which it does not hold
 */
export function holds<Inputs extends [unknown, ...unknown[]]>(
  title: string,
  perMille: number,
  arbitraries: { [Index in keyof Inputs]: fc.Arbitrary<Inputs[Index]> },
  property: (...input: Inputs) => void | Promise<void>,
): void {
  const numRuns = Math.max(1, Math.round((inputs * perMille) / 1000));
  it(title, async function () {
    this.timeout(limitMs.base + numRuns * limitMs.perInput);
    const attempt = async (...input: Inputs) => {
      tried += 1;
      await property(...input);
    };
    await fc.assert(fc.asyncProperty(...arbitraries, attempt), { seed, numRuns });
  });
}

after(() => {
  process.stdout.write(`  ${tried.toLocaleString('en')} inputs of FUZZ_SEED=${seed}\n`);
});

function numberFrom(name: string, usual: number): number {
  const value = Number(process.env[name] ?? usual);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} is not a whole number.`);
  return value;
}
