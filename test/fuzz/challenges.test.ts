import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readBearerChallenge } from '../../src/oauth/challenge.js';
import { holds } from './fuzz.js';

interface Parameter {
  readonly name: string;
  readonly value: string;
  /** As it stands in the header. */
  readonly text: string;
}

interface Challenge {
  readonly scheme: string;
  readonly parameters: readonly Parameter[];
  readonly text: string;
}

const token = fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,8}$/);
const space = fc.constantFrom('', ' ', '\t ');

/** What a header may contain: HTAB, and everything from space to the end of Latin-1 but DEL (RFC 9110 §5.5). */
const headerCharacter = fc.oneof(
  fc.integer({ min: 0x20, max: 0xff }).map((code) => (code === 0x7f ? '\t' : String.fromCharCode(code))),
  fc.constantFrom('"', '\\', ',', '=', ' '),
);
const headerText = fc.string({ unit: headerCharacter, maxLength: 60 });

/** Values as servers have them, and as somebody has them who wants to be read as something else. */
const value = fc.oneof(
  headerText,
  fc.constantFrom(
    'mcp:read mcp:write',
    'https://mcp.example.com/.well-known/oauth-protected-resource',
    'a, scope=evil',
    '", Bearer scope="evil',
    'x\\", error="evil',
    '',
  ),
);

const name = fc.oneof(
  fc.constantFrom('scope', 'resource_metadata', 'error', 'realm', 'error_description', 'SCOPE'),
  token,
);

/** RFC 9110 §5.6.4: a character may be quoted although it need not be. */
const quoted = (text: string, isEager: boolean): string =>
  `"${text.replace(isEager ? /[^]/g : /["\\]/g, (character) => `\\${character}`)}"`;

const parameter: fc.Arbitrary<Parameter> = fc
  .record({ name, isToken: fc.boolean(), token, value, isEager: fc.boolean(), before: space, after: space })
  .map(({ name, isToken, token, value, isEager, before, after }) => ({
    name: name.toLowerCase(),
    value: isToken ? token : value,
    text: `${name}${before}=${after}${isToken ? token : quoted(value, isEager)}`,
  }));

const parameters = fc.uniqueArray(parameter, { selector: ({ name }) => name, maxLength: 4 });

/** Others may have signs such as `%` in their names; no scheme in IANA's registry does. */
const scheme = fc.oneof(
  fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Basic', 'DPoP', 'Negotiate'),
  fc.stringMatching(/^[a-zA-Z0-9._-]{1,12}$/),
);

const challenge: fc.Arbitrary<Challenge> = fc.oneof(
  fc.tuple(scheme, parameters, space, space).map(([scheme, parameters, before, after]) => ({
    scheme,
    parameters,
    text: [scheme, parameters.map(({ text }) => text).join(`${before},${after}`)].filter(Boolean).join(' '),
  })),
  fc
    .tuple(fc.constantFrom('Negotiate', 'NTLM'), fc.stringMatching(/^[a-zA-Z0-9._~+/-]{1,12}={0,2}$/))
    .map(([scheme, credentials]) => ({ scheme, parameters: [], text: `${scheme} ${credentials}` })),
);

const challenges = fc
  .tuple(fc.array(challenge, { maxLength: 4 }), space, space)
  .map(([list, before, after]) => ({ list, text: list.map(({ text }) => text).join(`${before},${after}`) }));

const read = (text: string) => readBearerChallenge(new Headers({ 'www-authenticate': text }));

describe('a WWW-Authenticate header', () => {
  holds(
    'is read as it was written, whatever stands beside the challenge for us',
    90,
    [challenges],
    (written) => {
      const ofScheme = (name: string) => written.list.filter(({ scheme }) => scheme.toLowerCase() === name);
      const [bearer, dpop] = [ofScheme('bearer'), ofScheme('dpop')];
      const ours = [...bearer, ...dpop];
      const valuesOf = (name: string) =>
        ours.flatMap(({ parameters }) => parameters.filter((one) => one.name === name));
      const [[metadata], [error]] = [valuesOf('resource_metadata'), valuesOf('error')];
      const [scopes] = valuesOf('scope')
        .map(({ value }) => value.split(' ').filter((one) => /^[!#-[\]-~]+$/.test(one)))
        .filter(({ length }) => length > 0);
      const expected = {
        ...(metadata && { resourceMetadata: metadata.value }),
        ...(scopes && { scopes }),
        ...(error && { error: error.value }),
        ...(bearer.length === 0 && { isDpop: true }),
      };
      assert.deepEqual(read(written.text), ours.length === 0 ? undefined : expected);
    },
  );

  const nearly = fc
    .tuple(challenges, fc.array(fc.tuple(fc.nat(), headerText), { maxLength: 3 }))
    .map(([{ text }, edits]) =>
      edits.reduce((rest, [at, put]) => {
        const start = at % (rest.length + 1);
        return rest.slice(0, start) + put + rest.slice(start + (at % 3));
      }, text),
    );

  holds(
    'of any kind is read without failing, and gives nothing that does not follow the name of its scheme',
    70,
    [fc.oneof(headerText, nearly)],
    (text) => {
      const found = read(text);
      if (found === undefined) return;
      assert.match(text, found.isDpop === true ? /dpop/i : /bearer/i);
      const said = text.slice(text.search(/bearer|dpop/i));
      const unquoted = said.replace(/\\([^])/g, '$1');
      for (const value of [found.resourceMetadata, found.error, ...(found.scopes ?? [])])
        assert.ok(value === undefined || said.includes(value) || unquoted.includes(value), value);
    },
  );
});
