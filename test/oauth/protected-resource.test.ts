import assert from 'node:assert/strict';
import { hasCode, type ErrorCode } from '../../src/core/errors.js';
import { discoverResource } from '../../src/oauth/protected-resource.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const server = 'https://mcp.example.com/mcp';
const issuer = 'https://as.example.com';
const root = 'https://mcp.example.com/.well-known/oauth-protected-resource';
const metadata = { resource: server, authorization_servers: [issuer], scopes_supported: ['a', 'b'] };

const challenged = (parameters = '') =>
  new Response(null, { status: 401, headers: { 'www-authenticate': `Bearer ${parameters}` } });

async function discover(answers: Record<string, Response | (() => Response)>, url = server) {
  const scripted = new ScriptedFetch({ [`POST ${server}`]: challenged('realm="x"'), ...answers });
  const found = await discoverResource(scripted.fetch, url, new AbortController().signal);
  return { found, asked: scripted.asked, seen: scripted.seen };
}

describe('discoverResource', () => {
  it('asks with a ping that opens no session and carries no credential', async () => {
    const { seen } = await discover({ [`GET ${root}/mcp`]: json(metadata) });
    const [probe] = seen;
    assert.deepEqual(JSON.parse(probe?.body ?? ''), { jsonrpc: '2.0', id: 0, method: 'ping' });
    assert.equal(probe?.headers.get('authorization'), null);
  });

  describe('looks for the metadata (RFC 9728 §3.1, §5.1)', () => {
    it('where the challenge says, and nowhere else', async () => {
      const named = 'https://mcp.example.com/elsewhere.json';
      const { asked } = await discover({
        [`POST ${server}`]: challenged(`resource_metadata="${named}"`),
        [`GET ${named}`]: json(metadata),
      });
      assert.deepEqual(asked, [`POST ${server}`, `GET ${named}`]);
    });

    it('and does not look elsewhere when it is not there', async () => {
      const asking = discover({
        [`POST ${server}`]: challenged('resource_metadata="https://mcp.example.com/.well-known/gone"'),
        [`GET ${root}/mcp`]: () => assert.fail('The challenge named another address.'),
        [`GET ${root}`]: () => assert.fail('The challenge named another address.'),
      });
      await assert.rejects(asking, (error) => hasCode(error, 'metadata_missing'));
    });

    it('below the path first, then at the root', async () => {
      const { asked } = await discover({
        [`GET ${root}`]: json({ ...metadata, resource: 'https://mcp.example.com' }),
      });
      assert.deepEqual(asked, [`POST ${server}`, `GET ${root}/mcp`, `GET ${root}`]);
    });

    it('at the root alone for a server at the root', async () => {
      const url = 'https://mcp.example.com/';
      const { asked } = await discover(
        { [`POST ${url}`]: challenged(), [`GET ${root}`]: json({ ...metadata, resource: url }) },
        url,
      );
      assert.deepEqual(asked, [`POST ${url}`, `GET ${root}`]);
    });

    it('at the root with the query of the server', async () => {
      const url = 'https://mcp.example.com/?tenant=a';
      const { asked } = await discover({ [`POST ${url}`]: challenged() }, url);
      assert.deepEqual(asked, [`POST ${url}`, `GET ${root}?tenant=a`, `GET ${root}`]);
    });

    it('behind an answer that is no metadata, although it is JSON', async () => {
      const { found } = await discover({
        [`GET ${root}/mcp`]: json({ error: 'not found' }),
        [`GET ${root}`]: json(metadata),
      });
      assert.deepEqual(found.issuers, [issuer]);
    });

    it('with the query of the server', async () => {
      const url = `${server}?tenant=a`;
      const { asked } = await discover(
        { [`POST ${url}`]: challenged(), [`GET ${root}/mcp?tenant=a`]: json(metadata) },
        url,
      );
      assert.equal(asked.length, 2);
    });

    it('also when the server needs no token for a ping', async () => {
      const { found } = await discover({ [`POST ${server}`]: json({}), [`GET ${root}/mcp`]: json(metadata) });
      assert.deepEqual(found.issuers, [issuer]);
    });

    it('and takes the server as its own resource when there is none', async () => {
      const { found } = await discover({ [`POST ${server}`]: challenged('scope="c"') });
      assert.deepEqual(found, { resource: server, issuers: [], scopes: ['c'] });
    });
  });

  it('names a server without metadata by its canonical address (MCP authorization, "Canonical Server URI")', async () => {
    const url = 'HTTPS://MCP.Example.com:443/mcp';
    const { found } = await discover({ [`POST ${url}`]: challenged() }, url);
    assert.equal(found.resource, server);
  });

  describe('chooses scopes (MCP authorization, "Scope Selection Strategy")', () => {
    it('of the challenge before those of the metadata', async () => {
      const { found } = await discover({
        [`POST ${server}`]: challenged('scope="c d"'),
        [`GET ${root}/mcp`]: json(metadata),
      });
      assert.deepEqual(found.scopes, ['c', 'd']);
    });
    it('of the metadata when the challenge names none', async () => {
      const { found } = await discover({ [`GET ${root}/mcp`]: json(metadata) });
      assert.deepEqual(found.scopes, ['a', 'b']);
    });
    it('not at all when nobody names any', async () => {
      const { found } = await discover({
        [`GET ${root}/mcp`]: json({ ...metadata, scopes_supported: undefined }),
      });
      assert.ok(!('scopes' in found));
    });
  });

  describe('judges the resource (RFC 9728 §3.3)', () => {
    const verbatim = 'HTTPS://mcp.example.com';
    it('keeps it verbatim, for RFC 8707', async () => {
      const { found } = await discover({ [`GET ${root}`]: json({ ...metadata, resource: verbatim }) });
      assert.equal(found.resource, verbatim);
    });
    const rows: readonly (readonly [string, unknown])[] = [
      ['of another origin', 'https://evil.example.com/mcp'],
      ['of a sibling', 'https://mcp.example.com/other'],
      ['with a longer last segment', 'https://mcp.example.com/mcp2'],
      ['that is no URL', 'mcp'],
      ['that is missing', undefined],
      ['that is no text', [server]],
      ['with a fragment (RFC 8707 §2)', `${server}#part`],
      ['with a user name', 'https://alice@mcp.example.com/mcp'],
      ['with a password', 'https://alice:pw@mcp.example.com/mcp'],
      ['with spaces behind it', `${server}  `],
      ['with a line break', `${server}\n`],
      ['with a tab in its host', 'https://mcp.exa\tmple.com/mcp'],
      ['with a NUL', `${server}\0`],
    ];
    for (const [what, resource] of rows) {
      it(`refuses one ${what}`, async () => {
        const asking = discover({ [`GET ${root}/mcp`]: json({ ...metadata, resource }) });
        await assert.rejects(asking, (error) => hasCode(error, 'resource_mismatch'));
      });
    }
  });

  it('refuses a resource that is deeper than the stack', async () => {
    const deep = `{"resource":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const asking = discover({
      [`GET ${root}/mcp`]: new Response(deep, { headers: { 'content-type': 'application/json' } }),
    });
    await assert.rejects(asking, (error) => hasCode(error, 'resource_mismatch'));
  });

  it('passes over what is no text among issuers and scopes', async () => {
    const { found } = await discover({
      [`GET ${root}/mcp`]: json({
        ...metadata,
        authorization_servers: [1, issuer],
        scopes_supported: [null, 'a'],
      }),
    });
    assert.deepEqual([found.issuers, found.scopes], [[issuer], ['a']]);
  });

  it('takes no more issuers and scopes than anybody has, since they are compared with each other', async () => {
    const many = (name: string) => Array.from({ length: 5_000 }, (_, n) => `${name}${n}`);
    const { found } = await discover({
      [`GET ${root}/mcp`]: json({
        ...metadata,
        authorization_servers: many('https://as.example.com/'),
        scopes_supported: many('scope'),
      }),
    });
    assert.deepEqual([found.issuers.length, found.scopes?.length], [100, 1_000]);
  });

  const failures: readonly (readonly [string, Record<string, Response | (() => Response)>, ErrorCode])[] = [
    [
      'a server that cannot be reached',
      {
        [`POST ${server}`]: () => {
          throw new TypeError('fetch failed');
        },
      },
      'server_unreachable',
    ],
    [
      'metadata behind an outage',
      { [`GET ${root}/mcp`]: page(503), [`GET ${root}`]: json(metadata) },
      'issuer_unreachable',
    ],
    [
      'metadata that is not JSON after all',
      {
        [`GET ${root}/mcp`]: new Response('{"resource":', {
          headers: { 'content-type': 'application/json' },
        }),
      },
      'metadata_missing',
    ],
    ['metadata that is a list', { [`GET ${root}/mcp`]: json([metadata]) }, 'metadata_missing'],
    [
      'a challenge that points into the private network',
      { [`POST ${server}`]: challenged('resource_metadata="http://169.254.169.254/latest"') },
      'address_refused',
    ],
    [
      'a challenge that points at a file',
      { [`POST ${server}`]: challenged('resource_metadata="file:///etc/passwd"') },
      'address_refused',
    ],
  ];
  for (const [what, answers, code] of failures) {
    it(`fails on ${what} with ${code}`, () =>
      assert.rejects(discover(answers), (error) => hasCode(error, code)));
  }

  it('does not wait for the end of a stream that answers the ping', async () => {
    let isCancelled = false;
    const endless = new ReadableStream({
      cancel: () => {
        isCancelled = true;
      },
    });
    const headers = { 'content-type': 'text/event-stream' };
    await discover({
      [`POST ${server}`]: () => new Response(endless, { headers }),
      [`GET ${root}/mcp`]: json(metadata),
    });
    assert.ok(isCancelled);
  });
});
