import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { decodeJwt } from 'jose';
import { startAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.js';
import { FormBrowser } from '../support/form-browser.js';
import { startMcpServer, type TestMcpServer } from '../support/mcp-server.js';
import { OAuthClient } from '../support/oauth-client.js';

describe('the test MCP server', () => {
  let issuer: TestAuthorizationServer;
  let oauth: OAuthClient;
  let server: TestMcpServer;
  let jsonServer: TestMcpServer;
  const clients: Client[] = [];

  before(async () => {
    issuer = await startAuthorizationServer({ accessTokenSeconds: 60 });
    oauth = await OAuthClient.register(issuer.issuer);
  });

  beforeEach(async () => {
    const toolScopes = { note: ['mcp:write'] };
    server = await startMcpServer({ issuer: issuer.issuer, name: 'streaming', answers: 'sse', toolScopes });
    jsonServer = await startMcpServer({ issuer: issuer.issuer, name: 'plain', answers: 'json' });
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await Promise.all([server.close(), jsonServer.close()]);
  });

  after(() => issuer.close());

  async function tokenFor(username: string, { url: resource } = server, scope?: string): Promise<string> {
    const browser = new FormBrowser({ username, password: username, decision: 'allow' });
    const tokens = await oauth.signIn(browser, { resource, ...(scope === undefined ? {} : { scope }) });
    return tokens.access_token;
  }

  async function connect(to: TestMcpServer, token: string): Promise<Client> {
    const client = new Client({ name: 'contract-test', version: '1.0.0' });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(to.url), { requestInit }));
    clients.push(client);
    return client;
  }

  async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
    const { content } = await client.callTool({ name, arguments: args });
    return content.map((part) => (part.type === 'text' ? part.text : part.type)).join('');
  }

  /** A bare request, for what the official client would not send or would hide. */
  function post(token: string | undefined, { rpcMethod = 'tools/list', params = {}, sessionId = '' } = {}) {
    return fetch(server.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(sessionId === '' ? {} : { 'mcp-session-id': sessionId }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: rpcMethod, params }),
    });
  }

  const lastRefusal = () => server.requests.at(-1)?.refusal;

  describe('with the official client', () => {
    for (const answers of ['sse', 'json'] as const) {
      it(`keeps one session over many calls, answered as ${answers}, and knows who calls`, async () => {
        const target = answers === 'sse' ? server : jsonServer;
        const client = await connect(target, await tokenFor('alice', target));
        assert.equal(client.getServerVersion()?.name, target.name);
        for (let round = 0; round < 3; round++) {
          assert.equal(await call(client, 'whoami'), 'alice@example.com (Alice)');
        }
        assert.equal(target.sessions.length, 1);
        const [session] = target.sessions;
        assert.equal(session?.subject, 'alice');
        assert.equal(session.calls.filter(({ tool }) => tool === 'whoami').length, 3);
        const after = target.requests.filter(({ rpcMethod }) => rpcMethod === 'tools/call');
        assert.deepEqual([...new Set(after.map(({ sessionId }) => sessionId))], [session.id]);
      });
    }

    it('says which tools only read', async () => {
      const client = await connect(server, await tokenFor('alice'));
      const { tools } = await client.listTools();
      const readOnly = tools.filter(({ annotations }) => annotations?.readOnlyHint).map(({ name }) => name);
      assert.deepEqual(readOnly, ['whoami', 'count', 'fail']);
    });

    it('streams progress event by event', async () => {
      const client = await connect(server, await tokenFor('alice'));
      const seen: { readonly sentAtMs: number; readonly seenAtMs: number }[] = [];
      const { content } = await client.callTool(
        { name: 'count', arguments: { steps: 4, intervalMs: 50 } },
        {
          onprogress: ({ message }) => {
            seen.push({ sentAtMs: Number(/sent at (\d+)/.exec(message ?? '')?.[1]), seenAtMs: Date.now() });
          },
        },
      );
      assert.deepEqual(content, [{ type: 'text', text: 'Counted to 4.' }]);
      assert.equal(seen.length, 4);
      const [first, last] = [seen[0], seen[3]];
      assert.ok(
        first && last && first.seenAtMs < last.sentAtMs,
        'the first was seen before the last was sent',
      );
    });

    it('stores a note, and reports a tool that failed as a result', async () => {
      const client = await connect(server, await tokenFor('alice'));
      assert.equal(await call(client, 'note', { text: 'milk' }), 'milk');
      assert.deepEqual(server.notes, [{ subject: 'alice', text: 'milk' }]);
      assert.equal((await client.callTool({ name: 'fail', arguments: {} })).isError, true);
    });
  });

  describe('refuses', () => {
    it('a request without a token, and says where to get one', async () => {
      const answer = await post(undefined);
      assert.equal(answer.status, 401);
      const challenge = answer.headers.get('www-authenticate') ?? '';
      assert.doesNotMatch(challenge, /error=/);
      assert.match(challenge, /^Bearer .*scope="mcp:read"/);
      const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '';
      assert.equal(new URL(metadataUrl).pathname, '/.well-known/oauth-protected-resource/mcp');
      const metadata = (await (await fetch(metadataUrl)).json()) as Record<string, unknown>;
      assert.equal(metadata['resource'], server.url);
      assert.deepEqual(metadata['authorization_servers'], [issuer.issuer]);
      assert.deepEqual(metadata['scopes_supported'], ['mcp:read', 'mcp:write']);
    });

    it('a token in the second it expires', async () => {
      issuer.setAccessTokenSeconds(1);
      const token = await tokenFor('alice');
      issuer.setAccessTokenSeconds(60);
      await wait(Number(decodeJwt(token).exp) * 1000 - Date.now());
      const answer = await post(token);
      assert.equal(answer.status, 401);
      assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token".*resource_metadata=/);
      assert.equal(lastRefusal(), 'tokenExpired');
    });

    it('a token for another resource, from another issuer, or of no kind at all', async () => {
      const other = await startAuthorizationServer();
      try {
        const foreign = await OAuthClient.register(other.issuer);
        const browser = new FormBrowser({ username: 'alice', password: 'alice', decision: 'allow' });
        const { access_token: foreignToken } = await foreign.signIn(browser, { resource: server.url });
        for (const [token, refusal] of [
          [await tokenFor('alice', jsonServer), 'wrongAudience'],
          [foreignToken, 'badSignature'],
          ['nonsense', 'tokenMalformed'],
        ] as const) {
          assert.equal((await post(token)).status, 401);
          assert.equal(lastRefusal(), refusal);
        }
      } finally {
        await other.close();
      }
    });

    it('a tool that needs a scope the token lacks, and names all that are needed', async () => {
      const token = await tokenFor('alice', server, 'mcp:read');
      const answer = await post(token, { rpcMethod: 'tools/call', params: { name: 'note', arguments: {} } });
      assert.equal(answer.status, 403);
      assert.match(
        answer.headers.get('www-authenticate') ?? '',
        /error="insufficient_scope".*scope="mcp:read mcp:write"/,
      );
      assert.equal(lastRefusal(), 'insufficientScope');
    });

    it('a session to everybody but the one who opened it', async () => {
      await connect(server, await tokenFor('alice'));
      const sessionId = server.sessions[0]?.id ?? '';
      const answer = await post(await tokenFor('bob'), { sessionId });
      assert.equal(answer.status, 403);
      assert.equal(lastRefusal(), 'sessionSubjectChanged');
    });

    it('a session that has ended', async () => {
      const token = await tokenFor('alice');
      await connect(server, token);
      await server.endSessions();
      assert.equal((await post(token, { sessionId: server.sessions[0]?.id ?? '' })).status, 404);
      assert.equal(lastRefusal(), 'sessionUnknown');
    });

    it('what a test tells it to refuse, and for as long', async () => {
      const token = await tokenFor('alice');
      await connect(server, token);
      const sessionId = server.sessions[0]?.id ?? '';
      server.deny(401);
      server.deny(503, 2);
      const statuses = [];
      for (let n = 0; n < 4; n++) statuses.push((await post(token, { sessionId })).status);
      assert.deepEqual(statuses, [401, 503, 503, 200]);
      server.acceptOnly('bob');
      assert.equal((await post(token, { sessionId })).status, 403);
      assert.equal(lastRefusal(), 'subjectNotAccepted');
      server.acceptOnly(undefined);
      server.deny('reset');
      await assert.rejects(post(token, { sessionId }), TypeError);
    });
  });

  it('answers 503, not 401, while its issuer cannot be asked for keys', async () => {
    issuer.failNext('jwks', { status: 502 });
    const token = await tokenFor('alice');
    assert.equal((await post(token)).status, 503);
    assert.equal(lastRefusal(), 'issuerUnreachable');
    assert.notEqual((await post(token)).status, 503);
  });

  it('accepts the new keys of an issuer that was restarted', async () => {
    let restarted = await startAuthorizationServer({ accessTokenSeconds: 60 });
    const target = await startMcpServer({ issuer: restarted.issuer, name: 'target', answers: 'json' });
    try {
      for (let round = 0; round < 2; round++) {
        const browser = new FormBrowser({ username: 'bob', password: 'bob', decision: 'allow' });
        const client = await OAuthClient.register(restarted.issuer);
        const tokens = await client.signIn(browser, { resource: target.url });
        assert.equal(
          await call(await connect(target, tokens.access_token), 'whoami'),
          'bob@example.com (Bob)',
        );
        await restarted.close();
        restarted = await startAuthorizationServer({ port: restarted.port });
      }
    } finally {
      await Promise.all([restarted.close(), target.close()]);
    }
  });

  it('writes no token into what it remembers', async () => {
    const token = await tokenFor('alice');
    await call(await connect(server, token), 'whoami');
    await post('nonsense');
    const written = JSON.stringify([server.requests, server.sessions]);
    for (const secret of [token, ...issuer.issuedSecrets]) assert.ok(!written.includes(secret));
  });
});
