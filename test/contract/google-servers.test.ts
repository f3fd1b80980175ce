import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { FormBrowser } from '../support/form-browser.js';
import { googleClient } from '../support/google/google-clients.js';
import { GoogleParties } from '../support/google/google-parties.js';
import { alice } from '../support/google/google-users.js';
import { libraryClient, signIn } from '../support/google/library-client.js';

const gmail = 'https://www.googleapis.com/auth/gmail.readonly';
const bigquery = 'https://www.googleapis.com/auth/bigquery';

describe('MCP servers that take Google’s credentials', () => {
  const client = googleClient();
  const clients: Client[] = [];
  let parties: GoogleParties;

  beforeEach(async () => {
    parties = await GoogleParties.start({ clients: [client] });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((each) => each.close()));
    await parties.close();
  });

  async function connect(url: string, headers: Record<string, string> = {}): Promise<Client> {
    const mcp = new Client({ name: 'contract-test', version: '1.0.0' });
    clients.push(mcp);
    await mcp.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
    return mcp;
  }

  async function whoami(mcp: Client): Promise<string> {
    const { content } = await mcp.callTool({ name: 'whoami', arguments: {} });
    return content.map((part) => (part.type === 'text' ? part.text : part.type)).join('');
  }

  async function accessToken(...scopes: string[]): Promise<string> {
    const browser = new FormBrowser({ username: alice.email, password: alice.password, decision: 'allow' });
    return (await signIn(libraryClient(parties.google, client), browser, scopes)).access_token ?? '';
  }

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  const post = (url: string, rpcMethod: string, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        ...headers,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: rpcMethod,
        params: rpcMethod === 'tools/call' ? { name: 'whoami', arguments: {} } : {},
      }),
    });

  describe('hosted by Google', () => {
    it('show their tools to everybody, and let nobody call one without a token', async () => {
      const server = await parties.hosted({ name: 'gmail', scopes: [gmail] });
      const mcp = await connect(server.url);
      assert.ok((await mcp.listTools()).tools.some(({ name }) => name === 'whoami'));
      const answer = await post(server.url, 'tools/call');
      assert.equal(answer.status, 401);
      const { origin } = new URL(server.url);
      const named = `${origin}/.well-known/oauth-protected-resource/whoami`;
      assert.ok(answer.headers.get('www-authenticate')?.includes(`resource_metadata="${named}"`));
      assert.equal((await fetch(named)).status, 404, 'there is nothing where the challenge points');
      assert.equal((await fetch(`${origin}/.well-known/oauth-protected-resource`)).status, 404);
      const metadata = await fetch(`${origin}/.well-known/oauth-protected-resource/mcp/v1`);
      assert.deepEqual(await metadata.json(), {
        resource: server.url,
        authorization_servers: [`${parties.google.issuer}/`],
        scopes_supported: [gmail],
        bearer_methods_supported: ['header'],
      });
    });

    it('take a token with a fitting scope, as long as it lives', async () => {
      const server = await parties.hosted({ name: 'gmail', scopes: [gmail] });
      const token = await accessToken('email', gmail);
      assert.equal(await whoami(await connect(server.url, bearer(token))), 'alice@example.com (Alice)');
      const other = await post(server.url, 'tools/call', bearer(await accessToken('email', bigquery)));
      assert.equal(other.status, 403);
      assert.match(
        other.headers.get('www-authenticate') ?? '',
        /error="insufficient_scope", scope="[^"]*gmail/,
      );
      parties.google.advanceClock(3_600_000);
      const late = await post(server.url, 'tools/call', bearer(token));
      assert.equal(late.status, 401);
      assert.match(late.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    });

    it('want to know which project pays, where they cost something', async () => {
      const server = await parties.hosted({
        path: '/mcp',
        name: 'bigquery',
        scopes: [bigquery],
        quotaProjects: ['my-project'],
      });
      const token = await accessToken('email', bigquery);
      const said = async (headers: Record<string, string>) => {
        const answer = await post(server.url, 'tools/call', { ...bearer(token), ...headers });
        return answer.status === 200
          ? 'passed'
          : ((await answer.json()) as { error: { message: string } }).error.message;
      };
      assert.match(await said({}), /requires a quota project/);
      assert.match(await said({ 'x-goog-user-project': 'other' }), /permission to use project other/);
      assert.equal(await said({ 'x-goog-user-project': 'my-project' }), 'passed');
      assert.equal(server.requests.at(-1)?.quotaProject, 'my-project');
    });
  });

  describe('on Cloud Run behind IAM', () => {
    it('take an ID token for themselves of whom IAM lets in, and answer everybody else with a page', async () => {
      const robot = parties.google.addServiceAccount('robot');
      const stranger = parties.google.addServiceAccount('stranger');
      const server = await parties.cloudRun({ name: 'reports', invokers: [robot.email] });
      const { origin } = new URL(server.url);
      const { idTokens } = parties.google;
      const good = await idTokens.forAccount(robot, origin);
      assert.match(await whoami(await connect(server.url, bearer(good))), /^robot@.*\(robot\)$/);
      const status = async (headers: Record<string, string>) => {
        const answer = await post(server.url, 'initialize', headers);
        assert.match(answer.headers.get('content-type') ?? '', /text\/html/);
        return answer.status;
      };
      assert.equal(await status({}), 403);
      assert.equal(await status(bearer(await accessToken('email'))), 401);
      assert.equal(await status(bearer(await idTokens.forAccount(robot, 'https://other.run.app'))), 401);
      assert.equal(await status(bearer(await idTokens.forAccount(stranger, origin))), 403);
    });
  });

  describe('google_workspace_mcp with an external provider', () => {
    it('wants a token from the first request on, and asks Google whose it is', async () => {
      const server = await parties.workspace({ scopes: [gmail] });
      const refused = await post(server.url, 'initialize');
      assert.equal(refused.status, 401);
      const [, named = ''] =
        /resource_metadata="([^"]*)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? [];
      const metadata = (await (await fetch(named)).json()) as Record<string, unknown>;
      assert.deepEqual(metadata['authorization_servers'], [parties.google.issuer]);
      const token = await accessToken('email', 'profile', gmail);
      assert.equal(await whoami(await connect(server.url, bearer(token))), 'alice@example.com (Alice)');
      assert.ok(parties.google.requests.includes('GET /v1/userinfo'));
      await parties.google.revokeAccess(alice.subject);
      assert.equal((await post(server.url, 'initialize', bearer(token))).status, 401);
    });
  });
});
