import assert from 'node:assert/strict';
import { describeError, hasCode, type ErrorCode } from '../../src/core/errors.js';
import { registerClient } from '../../src/oauth/registration.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const issuer = 'https://as.example.com';
const endpoint = `${issuer}/register`;
const redirectUri = 'http://127.0.0.1:1234/callback';

async function register(answer: Response | (() => Response), methods?: readonly string[]) {
  const scripted = new ScriptedFetch({ [`POST ${endpoint}`]: answer });
  const server = {
    issuer,
    registration_endpoint: endpoint,
    code_challenge_methods_supported: ['S256'],
    ...(methods && { token_endpoint_auth_methods_supported: [...methods] }),
  };
  const client = await registerClient(scripted.fetch, server, redirectUri, new AbortController().signal);
  return { client, sent: JSON.parse(scripted.seen[0]?.body ?? '') as Record<string, unknown> };
}

describe('registerClient (RFC 7591)', () => {
  it('leaves no registration where a sign-in would be refused for want of PKCE', async () => {
    const { fetch, seen } = new ScriptedFetch({});
    const server = { issuer, registration_endpoint: endpoint, code_challenge_methods_supported: ['plain'] };
    const registration = registerClient(fetch, server, redirectUri, new AbortController().signal);
    await assert.rejects(registration, (error) => hasCode(error, 'pkce_unsupported'));
    assert.deepEqual(seen, []);
  });

  it('asks to be a public native client with refresh tokens (RFC 7591 §2, RFC 8252 §8.4)', async () => {
    const { sent } = await register(json({ client_id: 'c' }, 201));
    assert.deepEqual(sent, {
      client_name: 'MCP Credential Broker',
      application_type: 'native',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    });
  });

  it('asks for device codes alone where no browser comes back, and needs no PKCE for that', async () => {
    const { fetch, seen } = new ScriptedFetch({ [`POST ${endpoint}`]: json({ client_id: 'c' }, 201) });
    const server = {
      issuer,
      registration_endpoint: endpoint,
      device_authorization_endpoint: `${issuer}/device`,
    };
    const client = await registerClient(fetch, server, undefined, new AbortController().signal);
    assert.equal(client.redirectUri, undefined);
    const sent = JSON.parse(seen[0]?.body ?? '') as Record<string, unknown>;
    assert.deepEqual(
      [sent['redirect_uris'], sent['response_types'], sent['grant_types']],
      [[], [], ['refresh_token', 'urn:ietf:params:oauth:grant-type:device_code']],
    );
  });

  it('is a native client where it comes back to this computer or to a scheme of its own, else one of the web (MCP authorization, "Application Type")', async () => {
    const rows = [
      [redirectUri, 'native'],
      ['http://localhost:1/callback', 'native'],
      ['com.example:/callback', 'native'],
      ['https://name-4711.app.example.com/callback', 'web'],
    ] as const;
    for (const [place, expected] of rows) {
      const { fetch, seen } = new ScriptedFetch({ [`POST ${endpoint}`]: json({ client_id: 'c' }, 201) });
      const server = { issuer, registration_endpoint: endpoint, code_challenge_methods_supported: ['S256'] };
      await registerClient(fetch, server, place, new AbortController().signal);
      assert.equal(
        (JSON.parse(seen[0]?.body ?? '') as Record<string, unknown>)['application_type'],
        expected,
      );
    }
  });

  describe('states how it proves itself, among the ways that the server serves (RFC 8414 §2)', () => {
    const rows: readonly (readonly [string, readonly string[] | undefined, string])[] = [
      ['no word about it', undefined, 'none'],
      ['a public client among others', ['client_secret_post', 'none'], 'none'],
      ['Basic before the form', ['client_secret_post', 'client_secret_basic'], 'client_secret_basic'],
      ['the form alone', ['client_secret_post', 'private_key_jwt'], 'client_secret_post'],
      ['nothing that needs no key', ['private_key_jwt'], 'none'],
    ];
    for (const [what, methods, asked] of rows) {
      it(what, async () => {
        const { sent } = await register(json({ client_id: 'c' }, 201), methods);
        assert.equal(sent['token_endpoint_auth_method'], asked);
      });
    }
  });

  it('assumes of a secret without a method what the server serves', async () => {
    const answer = json({ client_id: 'c', client_secret: 's' }, 201);
    const methods = async (...served: string[]) => (await register(answer, served)).client.authMethod;
    assert.equal(await methods('client_secret_basic', 'none'), 'client_secret_basic');
    assert.equal(await methods('client_secret_post'), 'client_secret_post');
    assert.equal(await methods('none'), 'none');
  });

  describe('takes what the server made of it (RFC 7591 §3.2.1)', () => {
    const confidential = { client_id: 'c', client_secret: 's', client_secret_expires_at: 0 };
    const rows: readonly (readonly [string, Response, string, string | undefined])[] = [
      [
        'a public client',
        json({ client_id: 'c', token_endpoint_auth_method: 'none' }, 201),
        'none',
        undefined,
      ],
      ['one without a method', json({ client_id: 'c' }, 201), 'none', undefined],
      ['a secret without a method (RFC 7591 §2)', json(confidential, 201), 'client_secret_basic', 's'],
      [
        'a secret for Basic',
        json({ ...confidential, token_endpoint_auth_method: 'client_secret_basic' }, 201),
        'client_secret_basic',
        's',
      ],
      [
        'a secret for the form',
        json({ ...confidential, token_endpoint_auth_method: 'client_secret_post' }, 201),
        'client_secret_post',
        's',
      ],
      [
        'a secret that is not to be used',
        json({ ...confidential, token_endpoint_auth_method: 'none' }, 201),
        'none',
        undefined,
      ],
      [
        'a secret without an end (RFC 7591 §3.2.1)',
        json({ client_id: 'c', client_secret: 's' }, 201),
        'client_secret_basic',
        's',
      ],
      ['an answer with status 200', json({ client_id: 'c' }, 200), 'none', undefined],
    ];
    for (const [what, answer, method, secret] of rows) {
      it(what, async () => {
        const { client } = await register(answer);
        assert.deepEqual(
          [client.clientId, client.authMethod, client.clientSecret?.reveal()],
          ['c', method, secret],
        );
        assert.deepEqual(
          [client.issuer, client.source, client.redirectUri],
          [issuer, 'dynamic', redirectUri],
        );
      });
    }
  });

  describe('names the scopes that it is for (RFC 7591 §2)', () => {
    const server = { issuer, registration_endpoint: endpoint, code_challenge_methods_supported: ['S256'] };
    const refused = json({ error: 'invalid_client_metadata' }, 400);
    const asking = (answers: readonly Response[], ...scopes: readonly string[]) => {
      const left = [...answers];
      const scripted = new ScriptedFetch({ [`POST ${endpoint}`]: () => left.shift() ?? page(500) });
      const client = registerClient(
        scripted.fetch,
        server,
        redirectUri,
        new AbortController().signal,
        scopes,
      );
      const asked = () => scripted.seen.map(({ body }) => (JSON.parse(body) as { scope?: string }).scope);
      return { client, asked };
    };

    it('and remembers them', async () => {
      const { client, asked } = asking([json({ client_id: 'c', scope: 'a' }, 201)], 'a', 'b');
      assert.deepEqual((await client).scopes, ['a', 'b']);
      assert.deepEqual(asked(), ['a b']);
    });

    it('or says nothing where there are none', async () => {
      const { client, asked } = asking([json({ client_id: 'c' }, 201)]);
      assert.deepEqual((await client).scopes, []);
      assert.deepEqual(asked(), [undefined]);
    });

    const refusals: readonly (readonly [string, Response])[] = [
      ['as RFC 7591 §3.2.2 says', refused],
      ['as Keycloak’s policies do', json({ error: 'insufficient_scope' }, 403)],
      ['with a challenge', new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } })],
      ['with a page', page(422)],
      ['by an error of the server’s own', page(500)],
    ];
    for (const [how, refusal] of refusals)
      it(`and asks without them where they are refused ${how}`, async () => {
        const { client, asked } = asking([refusal, json({ client_id: 'c' }, 201)], 'a');
        const { clientId, redirectUri: place, scopes } = await client;
        assert.deepEqual([clientId, place, scopes], ['c', redirectUri, undefined]);
        assert.deepEqual(asked(), ['a', undefined]);
      });

    it('and asks no second time where the first may have registered us', async () => {
      for (const answer of [page(201), page(429), page(503)]) {
        const { client, asked } = asking([answer, json({ client_id: 'c' }, 201)], 'a');
        await assert.rejects(client);
        assert.deepEqual(asked(), ['a']);
      }
    });
  });

  describe('keeps when its secret ends (RFC 7591 §3.2.1)', () => {
    const rows: readonly (readonly [string, unknown, number | undefined])[] = [
      ['in seconds', 1_900_000_000, 1_900_000_000_000],
      ['never, as 0', 0, undefined],
      ['a number as text', '1900000000', 1_900_000_000_000],
      ['never, as text', '0', undefined],
      ['a date', '2030-01-01T00:00:00Z', undefined],
      ['less than nothing', -1, undefined],
      ['farther than can be counted', 1e300, undefined],
      ['a list', [], undefined],
    ];
    for (const [what, end, expected] of rows)
      it(what, async () => {
        const answer = { client_id: 'c', client_secret: 's', client_secret_expires_at: end };
        const { client } = await register(json(answer, 201));
        assert.deepEqual([client.clientSecret?.reveal(), client.secretEndsAtMs], ['s', expected]);
      });

    it('and nothing of the kind of a client without one', async () => {
      const { client } = await register(json({ client_id: 'c', client_secret_expires_at: 1 }, 201));
      assert.ok(!('secretEndsAtMs' in client));
    });
  });

  it('takes a client id that is a number', async () => {
    assert.equal((await register(json({ client_id: 17 }, 201))).client.clientId, '17');
  });

  it('says that a server registers nobody, without asking', async () => {
    const { fetch } = new ScriptedFetch({});
    const asking = registerClient(
      fetch,
      { issuer, code_challenge_methods_supported: ['S256'] },
      redirectUri,
      new AbortController().signal,
    );
    await assert.rejects(asking, (error) => hasCode(error, 'registration_unsupported'));
  });

  const failures: readonly (readonly [string, Response | (() => Response), ErrorCode])[] = [
    [
      'a refusal (RFC 7591 §3.2.2)',
      json({ error: 'invalid_redirect_uri', error_description: 'No "loopback"' }, 400),
      'registration_refused',
    ],
    ['403 with a page', page(403), 'registration_refused'],
    ['201 without a client id', json({ client_name: 'x' }, 201), 'registration_refused'],
    ['201 with a page', page(201), 'registration_refused'],
    ['503', page(503), 'issuer_unreachable'],
    ['429', page(429), 'issuer_unreachable'],
    [
      'no answer',
      () => {
        throw new TypeError('fetch failed');
      },
      'issuer_unreachable',
    ],
  ];
  for (const [what, answer, code] of failures) {
    it(`fails on ${what} with ${code}`, () =>
      assert.rejects(register(answer), (error) => hasCode(error, code)));
  }

  it('quotes the reason', async () => {
    const answer = json({ error: 'invalid_redirect_uri', error_description: 'No "loopback"' }, 400);
    await assert.rejects(register(answer), (error) => {
      assert.ok(hasCode(error, 'registration_refused'));
      assert.equal(error.details['reason'], '"invalid_redirect_uri: No \\"loopback\\""');
      return true;
    });
  });

  it('keeps a secret out of the error about a broken answer', async () => {
    const body = '{"client_id":"c","client_secret":"sesame-open"x}';
    const answer = new Response(body, { status: 201, headers: { 'content-type': 'application/json' } });
    await assert.rejects(register(answer), (error) => {
      assert.doesNotMatch(describeError(error), /sesame|open/);
      return true;
    });
  });
});
