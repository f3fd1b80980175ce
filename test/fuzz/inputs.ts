import fc from 'fast-check';

/** Among all properties together; `FUZZ_INPUTS=5000000 npm run test:fuzz` for a long run. */
const inputs = Number(process.env['FUZZ_INPUTS'] ?? 100_000);

/** A failure prints its seed; `FUZZ_SEED` brings the same inputs again. */
const seed = process.env['FUZZ_SEED'];

/**
 * Declares a test that holds `holds` against its share of the inputs.
 * @param share - of all inputs, between 0 and 1
 */
export function property<T>(
  title: string,
  share: number,
  arbitrary: fc.Arbitrary<T>,
  holds: (input: T) => void | Promise<void>,
): void {
  const numRuns = Math.ceil(inputs * share);
  it(`${title} (${numRuns.toLocaleString('en')} inputs)`, async function () {
    this.timeout(0);
    const checked = fc.asyncProperty(arbitrary, async (input) => holds(input));
    await fc.assert(checked, { numRuns, ...(seed !== undefined && { seed: Number(seed) }) });
  });
}

/** Text in which what matters to the parsers is more frequent than in any text. */
export const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        ',',
        '=',
        ' ',
        '\t',
        '&',
        '?',
        '#',
        '%',
        '/',
        ':',
        '@',
        ';',
        '[',
        ']',
        '(',
        ')',
      ),
      fc.constantFrom(
        'Bearer',
        'Basic',
        'DPoP',
        'scope',
        'realm',
        'error',
        'resource_metadata',
        'evil',
        'code',
      ),
      fc.constantFrom(
        'https://',
        'http://127.0.0.1',
        'javascript:',
        'state',
        'iss',
        '\u0000',
        '\u202e',
        '\ud800',
      ),
      fc.string({ maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** A JSON object with the members of `names`, of any type, and others. */
export const objectWith = (...names: readonly string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.dictionary(
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...names) }, fc.string({ maxLength: 8 })),
    fc.oneof(
      hostileText,
      fc.jsonValue({ maxDepth: 2 }),
      fc.webUrl(),
      fc.array(hostileText, { maxLength: 3 }),
    ),
    { maxKeys: 8 },
  );
