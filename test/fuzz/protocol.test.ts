import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PastedRedirect } from '../../src/broker/pasted-redirect.js';
import { covers, isLoopback, isSameIssuer, parseAddress } from '../../src/core/address.js';
import type { Client } from '../../src/core/client.js';
import { BrokerError, hasCode } from '../../src/core/errors.js';
import type { Fetch } from '../../src/core/ports.js';
import { reachOf } from '../../src/node/reach.js';
import { discoverAuthorizationServer } from '../../src/oauth/authorization-server.js';
import { authorizationRequest, readAuthorizationResponse } from '../../src/oauth/authorization.js';
import { readBearerChallenge } from '../../src/oauth/challenge.js';
import { normalizedTokenAnswer } from '../../src/oauth/normalized-answer.js';
import { discoverResource } from '../../src/oauth/protected-resource.js';
import { readTokenAnswer } from '../../src/oauth/token-answer.js';
import { hostileText, objectWith, property } from './inputs.js';

const issuer = 'https://as.example.com';
const serverUrl = 'https://mcp.example.com/tenant/mcp';
const redirectUri = 'http://127.0.0.1:1234/callback';
const { signal } = new AbortController();

/** A value of a header: what is no byte of a header cannot come in one. */
const headerText = hostileText.map((text) => text.replace(/[^\t\x20-\x7e\xa0-\xff]/g, '').trim());

/** A server that gives the same JSON to whoever asks. */
const saying =
  (body: string, challenge?: string): Fetch =>
  (_url, { method }) => {
    const headers = { 'content-type': 'application/json' };
    if (method !== 'POST') return Promise.resolve(new Response(body, { headers }));
    const asks = challenge === undefined ? {} : { 'www-authenticate': challenge };
    return Promise.resolve(new Response(null, { status: 401, headers: asks }));
  };

/** What `work` comes to; undefined when it is refused, which nothing but one of our errors may do. */
async function unlessRefused<T>(work: () => Promise<T> | T): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BrokerError) return undefined;
    throw error;
  }
}

describe('any challenge', () => {
  property(
    'is read without a failure, into scopes that are none but its own',
    0.15,
    headerText,
    async (text) => {
      const challenge = await readBearerChallenge(new Headers({ 'www-authenticate': text }));
      for (const scope of challenge?.scopes ?? []) {
        assert.doesNotMatch(scope, / /);
        assert.ok(text.replaceAll('\\', '').includes(scope.replaceAll('\\', '')));
      }
    },
  );

  const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
  const written = fc.record({
    before: headerText,
    scopes: fc.array(fc.stringMatching(/^[!#-[\]-~]{1,10}$/), { minLength: 1, maxLength: 4 }),
    isListed: fc.boolean(),
  });
  property(
    'says the scopes that it was given, whatever is quoted before them',
    0.1,
    written,
    async (given) => {
      const { before, scopes, isListed } = given;
      const others = isListed ? `Basic realm=${quoted(before)}, ` : '';
      const text = `${others}Bearer realm=${quoted(before)}, scope="${scopes.join(' ')}"`;
      const challenge = await readBearerChallenge(new Headers({ 'www-authenticate': text }));
      assert.deepEqual(challenge?.scopes, scopes, text);
    },
  );
});

describe('any address', () => {
  property(
    'is refused, or encrypted or on this computer, and without credentials',
    0.15,
    hostileText,
    async (text) => {
      const url = await unlessRefused(() => parseAddress(text));
      if (url === undefined) return;
      assert.ok(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)), text);
      assert.deepEqual([url.username, url.password, url.hash], ['', '', '']);
    },
  );

  property('has one reach, as IPv4 or inside IPv6', 0.1, fc.ipV4(), (address) => {
    const reach = reachOf(address);
    assert.equal(reachOf(`::ffff:${address}`), reach);
    assert.equal(reachOf(`64:ff9b::${address}`), reach);
  });
});

describe('any metadata', () => {
  const ofServer = objectWith(
    'issuer',
    'authorization_endpoint',
    'token_endpoint',
    'code_challenge_methods_supported',
  );
  const perhapsOurs = fc
    .tuple(ofServer, fc.boolean())
    .map(([body, isOurs]) => (isOurs ? { ...body, issuer } : body));
  const asJson = fc.oneof(
    perhapsOurs.map((body) => JSON.stringify(body)),
    hostileText,
  );
  property('of an authorization server is refused, or its own', 0.1, asJson, async (body) => {
    const found = await unlessRefused(() =>
      discoverAuthorizationServer(saying(body), issuer, serverUrl, signal),
    );
    if (found !== undefined) assert.ok(isSameIssuer(found.issuer, issuer));
  });

  const ofResource = objectWith('resource', 'authorization_servers', 'scopes_supported').map((body) => ({
    ...body,
    ...(body['resource'] !== undefined && Object.keys(body).length % 2 === 0 && { resource: serverUrl }),
  }));
  const documents = fc.oneof(
    ofResource.map((body) => JSON.stringify(body)),
    hostileText,
  );
  const answers = fc.record({ body: documents, challenge: fc.option(headerText, { nil: undefined }) });
  property('of a server is refused, or covers it', 0.1, answers, async ({ body, challenge }) => {
    const found = await unlessRefused(() => discoverResource(saying(body, challenge), serverUrl, signal));
    if (found === undefined) return;
    assert.ok(covers(found.resource, serverUrl));
    for (const text of [...found.issuers, ...(found.scopes ?? [])]) assert.equal(typeof text, 'string');
  });
});

describe('any redirect', () => {
  const names = fc.constantFrom(
    'code',
    'state',
    'iss',
    'error',
    'error_description',
    'response',
    'id_token',
    'access_token',
  );
  const values = fc.oneof(fc.constantFrom('state-1', issuer, 'code-1'), hostileText);
  const queries = fc.array(fc.tuple(names, values), { maxLength: 6 });
  const client: Client = { issuer, clientId: 'ours', authMethod: 'none', source: 'configured' };
  const server = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
  const asked = authorizationRequest(server, client, {
    resource: serverUrl,
    redirectUri,
    state: 'state-1',
    chooseAccount: false,
  });
  property('is refused, or brings one code, our state and its issuer', 0.1, queries, async (query) => {
    const request = await asked;
    const redirect = new URL(`${redirectUri}?${new URLSearchParams(query).toString()}`);
    const answer = await unlessRefused(() => readAuthorizationResponse(request, redirect));
    if (answer === undefined) return;
    const all = (name: string) => query.filter(([key]) => key === name).map(([, value]) => value);
    assert.deepEqual([all('state'), all('iss'), all('code').length], [['state-1'], [issuer], 1]);
  });

  property(
    'that is pasted is another’s, or is where we wait for it',
    0.05,
    fc.tuple(queries, hostileText),
    ([query, text]) => {
      const pasted = new PastedRedirect();
      pasted.expect(redirectUri, 'state-1');
      assert.equal(pasted.paste(text), false);
      const isOurs = query.filter(([name]) => name === 'state').map(([, value]) => value);
      const taken = pasted.paste(`${redirectUri}?${new URLSearchParams(query).toString()}`);
      assert.equal(taken, isOurs.length === 1 && isOurs[0] === 'state-1');
    },
  );
});

describe('any token answer', () => {
  const bodies = objectWith(
    'access_token',
    'token_type',
    'refresh_token',
    'expires_in',
    'scope',
    'error',
    'authed_user',
  );
  const texts = fc.oneof(
    bodies.map((body) => JSON.stringify(body)),
    hostileText,
  );
  const statuses = fc.constantFrom(200, 200, 200, 201, 400, 401, 403, 428, 429, 500, 503);
  property(
    'is tokens, a refusal or trouble, and never a failure',
    0.1,
    fc.tuple(texts, statuses),
    async ([text, status]) => {
      const { processGenericTokenEndpointResponse: check } = await import('oauth4webapi');
      const validate = (response: Response) => check({ issuer }, { client_id: 'ours' }, response);
      const answer = await readTokenAnswer(new Response(text, { status }), validate, 0, {
        scopeSeparator: ',',
      });
      if (answer.kind === 'granted') assert.notEqual(answer.tokens.accessToken.reveal(), '');
      if (answer.kind === 'unavailable')
        assert.ok(hasCode(answer.error, 'issuer_unreachable', 'token_answer_invalid'));
    },
  );

  property('keeps its tokens as they are when it is normalized', 0.025, bodies, (body) => {
    const { access_token: token, refresh_token: refreshToken, authed_user: user } = body;
    if (typeof user === 'object') return;
    const normalized = normalizedTokenAnswer(body, ',');
    if (token !== '' && token !== null) assert.equal(normalized['access_token'], token);
    if (refreshToken !== '' && refreshToken !== null) assert.equal(normalized['refresh_token'], refreshToken);
  });
});
