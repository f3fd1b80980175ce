import fc from 'fast-check';

/** Any text, lone surrogates and control characters included. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', ' ', '\0', '\r\n', '\ud800', '__proto__', 'constructor', 'toString'),
);

/** Deeper than a parser that calls itself can go, and longer than anybody expects. */
const extremes = fc.constantFrom(
  '['.repeat(20_000) + ']'.repeat(20_000),
  '{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000),
  `"${'x'.repeat(100_000)}"`,
  `[${'0,'.repeat(20_000)}0]`,
);

/** The text of any JSON value; now and then a very deep or very long one. */
const anyJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 60, arbitrary: fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)) },
  {
    weight: 40,
    arbitrary: fc.constantFrom(
      'null',
      'true',
      '0',
      '-1',
      '1e400',
      '""',
      '[]',
      '{}',
      '[null]',
      '[[]]',
      '"S256"',
    ),
  },
  { weight: 1, arbitrary: extremes },
);

/**
 * The text of a JSON object with some of `members`, each with one of its own values or with any other, in any order;
 * members may come twice, and others beside them.
 * @param members - by name, the values that a well-meaning server gives
 */
export function documentText(members: Readonly<Record<string, readonly unknown[]>>): fc.Arbitrary<string> {
  const pairs = Object.entries(members).map(([name, values]) => {
    const usual = fc.constantFrom(...values).map((value) => JSON.stringify(value));
    return fc.tuple(
      fc.constant(name),
      fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: anyJson }),
    );
  });
  const known = fc.oneof(...pairs);
  const unknown = fc.tuple(anyText, anyJson);
  const all = fc.tuple(...pairs);
  const some = fc.array(fc.oneof({ weight: 9, arbitrary: known }, { weight: 1, arbitrary: unknown }), {
    maxLength: pairs.length + 3,
  });
  return fc
    .oneof(
      all,
      some,
      fc.tuple(all, some).map((both) => both.flat()),
    )
    .map((chosen) => `{${chosen.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`);
}

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat(8),
  put: fc.oneof(fc.constantFrom('', '"', '{', '}', ',', ':', '\\', '0', 'null'), anyText),
});

/** What happens to a text: some of its characters are lost or replaced, or others come between them. */
export const damages: fc.Arbitrary<(text: string) => string> = fc
  .array(edit, { minLength: 1, maxLength: 4 })
  .map(
    (edits) => (text) =>
      edits.reduce((rest, { at, length, put }) => {
        const start = Math.floor(at * rest.length);
        return rest.slice(0, start) + put + rest.slice(start + length);
      }, text),
  );

/** `texts` after something has happened to them. */
export const damaged = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(texts, damages).map(([text, damage]) => damage(text));
