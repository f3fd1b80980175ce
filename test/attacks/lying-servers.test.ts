import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { authorizationServerWith } from '../support/changed-metadata.js';
import { failedSignIn, serversSetting, useGround } from '../support/ground.js';
import { listen } from '../support/listener.js';
import { ping, rawRequest } from '../support/raw-request.js';

describe('a challenge that smuggles scopes', () => {
  const ground = useGround();

  const challenges: Record<string, [challenge: string, scope: string]> = {
    'inside another parameter': ['Bearer realm="a, scope=evil", scope="mcp:read"', 'mcp:read'],
    'inside another parameter with quotes': [
      'Bearer realm="a\\", scope=\\"evil", scope="mcp:read"',
      'mcp:read',
    ],
    'in another scheme': ['Basic realm="x", scope="evil", Bearer scope="mcp:read"', 'mcp:read'],
    'in a scheme that looks like ours': ['BearerX scope="evil", Bearer scope="mcp:read"', 'mcp:read'],
    'behind ours': ['Bearer scope="mcp:read", Digest scope="evil"', 'mcp:read'],
  };
  for (const [where, [challenge, expected]] of Object.entries(challenges)) {
    it(`${where} is read as it is written`, async () => {
      const issuer = await ground.issuer();
      const resource = await ground.resource(issuer);
      const { origin } = new URL(resource.url);
      resource.challenge = `${challenge}, resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;
      if (where === 'behind ours') resource.challenge = challenge;
      const { window } = ground.window({ user: serversSetting([resource]) });
      await window.signIn();
      const scopes = new URL(window.editor.opened[0] ?? '').searchParams.get('scope')?.split(' ') ?? [];
      assert.ok(scopes.includes(expected));
      assert.ok(!scopes.some((scope) => scope.includes('evil')), scopes.join(' '));
    });
  }
});

describe('an authorization server that sends us elsewhere', () => {
  const ground = useGround();

  async function thief() {
    const listener = await listen('127.0.0.1');
    ground.atEnd(() => listener.close());
    const asked: string[] = [];
    listener.serve((req, res) => {
      asked.push(req.url ?? '');
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    return { asked, origin: listener.origin };
  }

  for (const status of [301, 302, 303, 307, 308]) {
    it(`with ${status} from its token endpoint gets the code sent nowhere`, async () => {
      const { asked, origin } = await thief();
      const issuer = await ground.issuer();
      const { window } = ground.window({ user: serversSetting([await ground.server(issuer)]) });
      await window.ready;
      issuer.failNext('token', { status, headers: { location: `${origin}/token` } });
      await failedSignIn(window, /does not answer/);
      assert.deepEqual([asked, window.stores.credentialKeys], [[], []]);
    });

    it(`with ${status} for a renewal keeps the grant, and the refresh token goes nowhere`, async () => {
      const { asked, origin } = await thief();
      const { issuer, window } = await ground.signedIn();
      issuer.failNext('token', { status, headers: { location: `${origin}/token` } });
      const run = window.run('refreshNow');
      (await window.editor.window.message(/The sign-in is kept/)).close();
      await run;
      assert.deepEqual([asked, window.stores.credentialKeys.length], [[], 1]);
    });
  }

  it('with a registration that names another redirect is not believed: the browser comes back to us', async () => {
    const issuer = await ground.issuer();
    const { window } = ground.window({
      user: serversSetting([await ground.server(issuer)]),
      browse: () => Promise.resolve({ finalUrl: '', status: 200, text: '', pages: [], visited: [] }),
    });
    await window.ready;
    const body = { client_id: 'theirs', redirect_uris: ['https://evil.example.com/callback'] };
    issuer.failNext('registration', { status: 201, body });
    const run = window.run('signIn');
    while (window.editor.opened.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const { searchParams } = new URL(window.editor.opened[0] ?? '');
    assert.match(searchParams.get('redirect_uri') ?? '', /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    await window.close();
    await run;
  });

  it('with a renewal for another resource changes nothing: its token goes to the server it was asked for', async () => {
    const { issuer, resource, window, url, headers } = await ground.signedInForScripted();
    const other = await ground.resource(issuer);
    const body = {
      access_token: 'a-token',
      token_type: 'Bearer',
      expires_in: 60,
      resource: other.url,
      aud: other.url,
    };
    issuer.failNext('token', { status: 200, body });
    await window.run('refreshNow');
    await rawRequest(url, { headers, body: ping });
    assert.deepEqual(
      [other.authorized, resource.authorized.at(-1)?.headers.authorization],
      [[], 'Bearer a-token'],
    );
  });
});

describe('words in an address or a refusal', () => {
  const ground = useGround();

  const shell = '/auth;touch%20x?a=$(touch+x)&b=`touch+x`&c=|touch+x&d=%22%27%5C&e=%0A';

  it('that a shell would run reach the browser as one address, as they were', async () => {
    const issuer = await ground.issuer();
    const endpoint = `${issuer.issuer}${shell}`;
    const changed = await ground.issuer({
      extraRoutes: authorizationServerWith({ authorization_endpoint: endpoint }),
    });
    const { window } = ground.window({
      user: serversSetting([await ground.server(changed)]),
      browse: () => Promise.resolve({ finalUrl: '', status: 200, text: '', pages: [], visited: [] }),
    });
    await window.ready;
    const run = window.run('signIn');
    while (window.editor.opened.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const opened = new URL(window.editor.opened[0] ?? '');
    assert.deepEqual([opened.pathname, opened.searchParams.get('a')], ['/auth;touch%20x', '$(touch x)']);
    assert.doesNotMatch(opened.href, /[\s"'\\]/);
    await window.close();
    await run;
  });

  it('meet no shell: nothing that ships can start a program', () => {
    const root = fileURLToPath(new URL('../../src', import.meta.url));
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    assert.ok(files.length > 100);
    for (const file of files)
      assert.doesNotMatch(readFileSync(`${root}/${file}`, 'utf8'), /child_process|worker_threads/, file);
  });

  it('of a refused registration are quoted, on one line, and no link', async () => {
    const issuer = await ground.issuer();
    const { window } = ground.window({
      user: serversSetting([await ground.server(issuer)]),
      browse: undefined,
    });
    await window.ready;
    const words = 'No.\r\n2026-01-01 info Signed in. [Sign In](command:evil)';
    const refusal = { status: 400, body: { error: 'invalid_redirect_uri', error_description: words } };
    issuer.failNext('registration', refusal, 2);
    const run = window.run('signIn');
    (await window.editor.window.input(/enter its client ID/)).hide();
    const failure = await window.editor.window.message(
      /refused to register this editor: "invalid_redirect_uri: No\./,
    );
    assert.doesNotMatch(failure.text, /\n|\]\(command:/);
    failure.close();
    await run;
    for (const line of window.editor.window.logLines) assert.doesNotMatch(line, /\n/);
  });
});
