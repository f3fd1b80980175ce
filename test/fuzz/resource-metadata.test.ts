import assert from 'node:assert/strict';
import fc from 'fast-check';
import { covers } from '../../src/core/address.js';
import { discoverResource } from '../../src/oauth/protected-resource.js';
import { holds } from './fuzz.js';
import { assertSafeAddress, resultOf } from './outcome.js';
import { anyText, damaged, documentText } from './texts.js';

const server = 'https://mcp.example.com/mcp';
const { signal } = new AbortController();

const addresses = [
  server,
  'https://mcp.example.com',
  'https://evil.example.com/mcp',
  'http://mcp.example.com/mcp',
  'http://169.254.169.254/latest',
  'http://127.0.0.1:4000/metadata',
  'https://user:password@mcp.example.com/mcp',
  'javascript:alert(1)',
  'file:///etc/passwd',
  '/relative',
  '',
];

const documents = documentText({
  resource: [...addresses, 1],
  authorization_servers: [
    ['https://as.example.com'],
    addresses,
    ['https://as.example.com', null],
    'https://as.example.com',
    [],
  ],
  scopes_supported: [['mcp:read', 'mcp:write'], [], ['a', 7], 'mcp:read'],
  bearer_methods_supported: [['header']],
});

const answers = fc.record({
  status: fc.constantFrom(200, 200, 200, 204, 302, 400, 404, 429, 503),
  type: fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/html', 'text/json'),
  text: fc.oneof({ weight: 8, arbitrary: documents }, { weight: 2, arbitrary: damaged(documents) }, anyText),
  location: fc.option(fc.oneof(fc.constantFrom(...addresses), anyText)),
});

const challenges = fc.oneof(
  fc.constantFrom('Bearer', 'Bearer scope="mcp:read"', 'Basic realm="x"'),
  fc.oneof(fc.constantFrom(...addresses), anyText).map((address) => `Bearer resource_metadata="${address}"`),
);

/** What no header can carry is refused by `Headers`, as Node refuses to receive it. */
const headersOf = (headers: Readonly<Record<string, string>>): Headers => {
  const sent = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) sent.set(name, value);
  return sent;
};

describe('the metadata of a protected resource', () => {
  holds(
    'is a description of the server that was asked, or a failure with a code, and asks no unsafe address',
    80,
    [challenges, answers],
    async (challenge, { status, type, text, location }) => {
      const found = await resultOf(
        () =>
          discoverResource(
            (address, { method }) => {
              assertSafeAddress(address);
              if (method === 'POST')
                return Promise.resolve(
                  new Response(null, { status: 401, headers: headersOf({ 'www-authenticate': challenge }) }),
                );
              const headers = headersOf({ 'content-type': type, ...(location !== null && { location }) });
              return Promise.resolve(new Response(status === 204 ? null : text, { status, headers }));
            },
            server,
            signal,
          ),
        'metadata_missing',
        'resource_mismatch',
        'issuer_unreachable',
        'address_refused',
      );
      if (found === undefined) return;
      assert.ok(covers(found.resource, server), found.resource);
      for (const issuer of [...found.issuers, ...(found.scopes ?? [])]) assert.equal(typeof issuer, 'string');
      if (found.issuers.length === 0 && status !== 200) assert.equal(found.resource, server);
    },
  );
});
