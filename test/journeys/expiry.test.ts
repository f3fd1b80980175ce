import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import type { TestAuthorizationServer } from '../support/authorization-server.js';
import { serversSetting, useGround } from '../support/ground.js';
import { answerRpc } from '../support/scripted-resource.js';

const everyCall = (count: number, call: () => Promise<string>) =>
  Promise.all(Array.from({ length: count }, call));

describe('a token that expires in mid-session', () => {
  const ground = useGround();

  it('is renewed without the session noticing, over several real expiries', async () => {
    const { issuer, server, window } = await ground.signedIn({ seconds: 2 });
    const { call, transport } = await window.connect('tickets');
    const session = transport.sessionId;
    while (issuer.counts().refreshes < 3) {
      assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    }

    const renewedAtMs = issuer.events.filter(({ kind }) => kind === 'refreshed').map(({ atMs }) => atMs);
    const pausesMs = renewedAtMs.slice(1).map((atMs, index) => atMs - (renewedAtMs[index] ?? 0));
    assert.ok(
      pausesMs.every((pauseMs) => pauseMs >= 900),
      `A token was renewed before its time: ${String(pausesMs)} ms.`,
    );
    assert.equal(issuer.counts().refusedRefreshes, 0);
    assert.equal(issuer.counts().signIns, 1);
    assert.deepEqual([transport.sessionId, server.sessions.length], [session, 1]);
  });

  it('is renewed once for 50 calls in parallel at the moment of expiry, again and again', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    for (let expiry = 1; expiry <= 3; expiry++) {
      window.clock.leap(55_000);
      const answers = await everyCall(50, () => call('whoami'));
      assert.deepEqual([...new Set(answers)], ['alice@example.com (Alice)']);
      assert.equal(issuer.counts().refreshes, expiry);
    }
    assert.equal(server.sessions.length, 1);
  });

  describe('at an issuer that gives a refresh token for a consent alone (OpenID Connect Core §11)', () => {
    const tokens = (issuer: TestAuthorizationServer) =>
      issuer.events.filter(({ kind }) => kind === 'refreshed').length;
    const promptOf = (url = '') => new URL(url).searchParams.get('prompt');

    it('is renewed, since the sign-in has asked for one', async () => {
      const { issuer, window } = await ground.signedIn();
      assert.equal(promptOf(window.editor.opened[0]), 'consent');
      const { call } = await window.connect('tickets');
      window.clock.leap(55_000);
      assert.equal(await call('whoami'), 'alice@example.com (Alice)');
      assert.equal(tokens(issuer), 1);
    });

    it('is not where the user has set that none be asked for', async () => {
      const issuer = await ground.issuer();
      const quirk = { 'mcpCredentials.issuerQuirks': { [issuer.issuer]: { omitConsent: true } } };
      const servers = serversSetting([await ground.server(issuer)]);
      const { window } = ground.window({ user: { ...servers, ...quirk } });
      await window.signIn();
      assert.equal(promptOf(window.editor.opened[0]), null);
      window.clock.leap(55_000);
      assert.equal(tokens(issuer), 0);
    });
  });

  it('is renewed once for 50 calls in parallel that the server refuses', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const { window } = ground.window({ user: serversSetting([resource]) });
    await window.signIn();
    const refused = new Set<string | undefined>();
    resource.handle = ({ headers }, res, body) => {
      if (refused.size === 0) refused.add(headers.authorization);
      if (refused.has(headers.authorization)) res.writeHead(401).end();
      else answerRpc(res, body, {});
    };
    const { url, headers } = await window.definition('tickets');
    const init = { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) };
    const answers = await everyCall(50, async () => (await fetch(url, init)).text());
    assert.deepEqual([...new Set(answers)], ['{"jsonrpc":"2.0","id":1,"result":{}}']);
    assert.equal(issuer.counts().refreshes, 1);
  });

  it('is renewed ahead of time while nobody calls', async () => {
    const { issuer, window } = await ground.signedIn();
    window.clock.leap(47_000);
    assert.equal(issuer.counts().refreshes, 0);
    window.clock.leap(2_000);
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    await until(() => /Renewed/.test(window.log(/Renewed/) ?? ''));
    assert.equal(issuer.counts().refreshes, 1);
  });
});

describe('a server that answers 401 although the token looks good', () => {
  const ground = useGround();

  it('gets the same request once more with a newer token', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    server.deny(401);
    assert.equal(await call('note', { text: 'milk' }), 'milk');
    const calls = server.requests.filter(({ rpcMethod }) => rpcMethod === 'tools/call');
    assert.deepEqual(
      calls.map(({ status }) => status),
      [401, 200],
    );
    assert.deepEqual([issuer.counts().refreshes, server.notes.length, server.sessions.length], [1, 1, 1]);
  });

  it('gets it once more only: a second refusal is an answer that names the next step', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    server.deny(401, 2);
    assert.match(
      await call('whoami'),
      /^isError: The MCP server “tickets” refuses a token .* Run “MCP Credentials: Sign In”/,
    );
    assert.equal(issuer.counts().refreshes, 1);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
  });

  it('does not make the broker ask the issuer without end', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    server.deny(401, 40);
    for (let round = 0; round < 20; round++)
      assert.match(await call('whoami'), /^isError: .*refuses a token/);
    assert.equal(issuer.counts().refreshes, 5);
    assert.equal(window.stores.credentialKeys.length, 1);
  });

  it('may do so for initialize too', async () => {
    const { issuer, server, window } = await ground.signedIn();
    server.deny(401);
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refreshes, 1);
  });
});
