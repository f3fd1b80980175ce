import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AuthorizationRequest } from '../../src/oauth/authorization.js';
import { readAuthorizationResponse } from '../../src/oauth/authorization.js';
import { PastedRedirect } from '../../src/broker/sign-in/pasted-redirect.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { redirectReceiver } from '../../src/loopback/redirect-receiver.js';
import { rawRequest } from '../support/raw-request.js';
import { holds } from './fuzz.js';
import { anyText } from './texts.js';

const issuer = 'https://as.example.com';
const state = 'state-1';

type Parameters = readonly (readonly [name: string, value: string])[];

const values: Readonly<Record<string, readonly string[]>> = {
  state: [state, state, state, 'state-2', 'STATE-1', 'state-1 ', ''],
  iss: [
    issuer,
    issuer,
    issuer,
    `${issuer}/`,
    'https://AS.example.com',
    `${issuer}:443`,
    'https://evil.example.com',
    '',
  ],
  code: ['code-1', 'code-1', 'code-2', ''],
  error: ['access_denied', 'invalid_request', ''],
  error_description: ['No.'],
  response: ['e30.e30.e30', ''],
  id_token: ['e30.e30.e30', ''],
  token: ['t'],
  access_token: ['t'],
};

/** As a URL can carry them: half a character comes out as another one. */
const parameters: fc.Arbitrary<Parameters> = fc
  .array(
    fc.oneof(
      {
        weight: 9,
        arbitrary: fc
          .constantFrom('state', 'state', 'iss', 'iss', 'code', 'code', ...Object.keys(values))
          .chain((name) => fc.tuple(fc.constant(name), fc.constantFrom(...(values[name] ?? [])))),
      },
      { weight: 1, arbitrary: fc.tuple(fc.oneof(fc.constantFrom(...Object.keys(values)), anyText), anyText) },
    ),
    { maxLength: 6 },
  )
  .map((query) => [...new URLSearchParams(new URLSearchParams(query).toString())]);

const redirectTo = (query: Parameters) =>
  new URL(
    `http://127.0.0.1:4000/callback?${new URLSearchParams(query.map(([name, value]): [string, string] => [name, value])).toString()}`,
  );

const requestOf = (promisesIss: boolean | undefined): AuthorizationRequest => ({
  server: {
    issuer,
    ...(promisesIss !== undefined && { authorization_response_iss_parameter_supported: promisesIss }),
  },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  url: `${issuer}/auth`,
  resource: 'https://mcp.example.com/mcp',
  scopes: [],
  redirectUri: 'http://127.0.0.1:4000/callback',
  state,
  codeVerifier: new Secret('verifier-1'),
});

/** The table of RFC 9207 §2.4 as MCP gives it, and RFC 6749 §4.1.2, in as few words as possible. */
function expected(query: Parameters, promisesIss: boolean | undefined): 'code' | 'denied' | 'invalid' {
  const all = (name: string) => query.filter(([one]) => one === name).map(([, value]) => value);
  const isOnce = ['state', 'iss', 'error', 'response'].every((name) => all(name).length < 2);
  const [iss, error, codes] = [all('iss')[0], all('error')[0], all('code')];
  const isFromIssuer = iss === undefined ? promisesIss !== true : iss === issuer;
  if (!isOnce || !isFromIssuer || all('state')[0] !== state) return 'invalid';
  if ((all('response')[0] ?? '') !== '') return 'invalid';
  if (error !== undefined && error !== '') return 'denied';
  const isOther = all('id_token').length + all('token').length > 0;
  return isOther || codes.length !== 1 || codes[0] === '' ? 'invalid' : 'code';
}

function judged(query: Parameters, promisesIss: boolean | undefined): string {
  try {
    const found = readAuthorizationResponse(requestOf(promisesIss), redirectTo(query));
    assert.deepEqual(
      found.getAll('code'),
      query.filter(([name]) => name === 'code').map(([, value]) => value),
    );
    return 'code';
  } catch (error) {
    if (hasCode(error, 'authorization_denied')) return 'denied';
    if (hasCode(error, 'authorization_response_invalid')) return 'invalid';
    throw error;
  }
}

describe('the redirect after an authorization', () => {
  holds(
    'lets one code through with our state and our issuer, and nothing else (RFC 9207 §2.4)',
    60,
    [parameters, fc.constantFrom(true, false, undefined)],
    (query, promisesIss) => assert.equal(judged(query, promisesIss), expected(query, promisesIss)),
  );

  const alone = fc.tuple(parameters, fc.constantFrom(...(values['iss'] ?? []), undefined), fc.boolean());
  holds(
    'is judged alike in whatever order its parameters come',
    10,
    [alone, fc.infiniteStream(fc.nat())],
    ([query, iss, promisesIss], chance) => {
      const complete: Parameters = [
        ['state', state],
        ['code', 'code-1'],
        ...query,
        ...(iss === undefined ? [] : [['iss', iss] as const]),
      ];
      const shuffled = complete.map((one) => [chance.next().value, one] as const).sort(([a], [b]) => a - b);
      assert.equal(
        judged(
          shuffled.map(([, one]) => one),
          promisesIss,
        ),
        judged(complete, promisesIss),
      );
    },
  );

  const waiting = 'http://127.0.0.1:4000/callback';
  const places = fc.constantFrom(
    waiting,
    waiting,
    'http://127.0.0.1:4001/callback',
    'https://127.0.0.1:4000/callback',
    'http://127.0.0.1:4000/callback/',
    'http://evil.example.com/callback',
  );
  const pastes = fc
    .tuple(places, parameters, fc.constantFrom('', ' ', '\n'))
    .map(([place, query, space]) => ({
      place,
      query,
      text: `${space}${place}${redirectTo(query).search}${space}`,
    }));
  holds(
    'is taken from the clipboard where we wait for it, with our state once',
    30,
    [pastes, anyText],
    ({ place, query, text }, other) => {
      const pasted = new PastedRedirect();
      assert.equal(pasted.paste(text), false, 'Nobody waits yet.');
      pasted.expect(waiting, state);
      assert.equal(pasted.paste(other), false);
      const states = query.filter(([name]) => name === 'state').map(([, value]) => value);
      assert.equal(pasted.paste(text), place === waiting && states.length === 1 && states[0] === state);
    },
  );

  const paths = fc.constantFrom(
    '/callback',
    '/callback',
    '/callback',
    '/',
    '/callback/',
    '/CALLBACK',
    '//callback',
    '/x/../callback',
  );
  const target = fc
    .tuple(
      paths,
      fc.oneof(
        parameters.map((query) => redirectTo(query).search),
        anyText,
      ),
    )
    .map(([path, query]) =>
      `${path}${query}`.replace(/\p{Cs}/gu, '').replace(/[^\x21-\x7e]/gu, encodeURIComponent),
    );
  const methods = fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD', 'OPTIONS', 'PUT');
  holds(
    'is taken by nobody but the listener that waits for this state',
    2,
    [methods, target, fc.constantFrom('127.0.0.1', '127.0.0.1', 'localhost', 'evil.example.com')],
    async (method, target, host) => {
      const receiver = redirectReceiver({
        template: () => Promise.resolve('{{title}}'),
        describe: () => ({ title: 'done', message: '' }),
      });
      const wait = await receiver.open(state);
      const { port } = new URL(wait.redirectUri);
      let taken: URL | undefined;
      const arrived = wait.arrived.then((redirect) => {
        taken = redirect;
        wait.answer({ kind: 'signed-in', account: 'alice', server: 'tickets' });
      });
      const url = new URL(`http://127.0.0.1:${port}${target}`);
      const { status } = await rawRequest(url.href, { method, headers: { host: `${host}:${port}` } });
      wait.dispose();
      await arrived.catch(() => undefined);
      const isHere = method === 'GET' && host === '127.0.0.1' && url.pathname === '/callback';
      const isOurs = isHere && url.searchParams.get('state') === state;
      assert.deepEqual([taken?.search, status], isOurs ? [url.search, 200] : [undefined, 404]);
    },
  );
});
