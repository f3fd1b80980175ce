import assert from 'node:assert/strict';
import type { Fault } from '../support/faults.js';
import { serversSetting, useGround } from '../support/ground.js';
import { until } from '../support/broker-window.js';

const dueMs = 49_000;
const pastTheEndMs = 6_000;
const toTheNextAttemptMs = 10_000;

const troubles: Record<string, Fault> = {
  '503': { status: 503, headers: { 'retry-after': '1' } },
  'a connection that breaks': 'reset',
  'a page of HTML': { status: 200, body: '<h1>Back soon</h1>' },
  'a 400 without an OAuth error': { status: 400, body: { message: 'bad gateway' } },
  server_error: { status: 400, body: { error: 'server_error' } },
};

describe('an issuer that is down', () => {
  const ground = useGround();

  for (const [name, fault] of Object.entries(troubles)) {
    it(`costs nobody a sign-in: ${name}`, async () => {
      const { issuer, window } = await ground.signedIn();
      const { call } = await window.connect('tickets');
      issuer.failNext('token', fault);
      window.clock.leap(dueMs);
      await until(() => window.log(/Renewing failed/) !== undefined);
      assert.equal(await call('whoami'), 'alice@example.com (Alice)', 'The token is still valid.');

      window.clock.leap(pastTheEndMs);
      const answer = await call('whoami');
      assert.match(answer, /^isError: The authorization server for “tickets” does not answer\./);
      assert.match(
        answer,
        /The sign-in is kept; next attempt in 1 min\. To try at once, run “MCP Credentials: Refresh Now”\./,
      );
      assert.match(window.editor.statusBar?.text ?? '', /^\$\(debug-disconnect\) alice@example\.com/);
      assert.equal(
        issuer.events.filter(({ kind }) => kind === 'fault').length,
        1,
        'The call did not ask again.',
      );
      assert.equal(window.stores.credentialKeys.length, 1);

      window.clock.leap(toTheNextAttemptMs);
      await issuer.occurrence(({ kind }) => kind === 'refreshed');
      await until(() => window.log(/Renewed/) !== undefined);
      assert.equal(await call('whoami'), 'alice@example.com (Alice)');
      assert.deepEqual([issuer.counts().refreshes, issuer.counts().signIns], [1, 1]);
    });
  }

  it('is waited for as long as it asks', async () => {
    const { issuer, window } = await ground.signedIn();
    issuer.failNext('token', { status: 429, headers: { 'retry-after': '600' } });
    window.clock.leap(dueMs);
    await until(() => window.log(/next attempt in 600 s/) !== undefined);
    window.clock.leap(500_000);
    await until(() => window.clock.pending.length > 0);
    assert.equal(issuer.counts().refreshes, 0);
    window.clock.leap(101_000);
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    await until(() => window.log(/Renewed/) !== undefined);
  });

  it('is named to every call, also to those that do not try themselves, when its certificate is not trusted', async () => {
    let isTrusted = true;
    const untrusted = Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const { issuer, window } = await ground.signedIn({
      window: {
        fetch: (url, init) =>
          isTrusted ? fetch(url, init) : Promise.reject(new TypeError('fetch failed', { cause: untrusted })),
      },
    });
    const { call } = await window.connect('tickets');
    isTrusted = false;
    window.clock.leap(dueMs + pastTheEndMs);
    const { host } = new URL(issuer.issuer);
    const texts = [await call('whoami').catch(String), await call('whoami').catch(String)];
    for (const text of texts) assert.ok(text.includes(`The certificate of ${host} is not trusted`), text);
  });

  it('is also one whose metadata cannot be had after a reload', async () => {
    const { issuer, server, window } = await ground.signedIn();
    await window.close();
    issuer.failNext('oauth-metadata', { status: 503 });
    const again = ground.again(window, server);
    again.clock.leap(120_000);
    await assert.rejects(again.editor.resolve('tickets'), /does not answer.*The sign-in is kept/);
    again.clock.leap(toTheNextAttemptMs);
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    await until(() => again.log(/Renewed/) !== undefined);
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
  });

  it('may be asked by the user at once', async () => {
    const { issuer, window } = await ground.signedIn();
    issuer.failNext('token', 'reset');
    window.clock.leap(dueMs);
    await until(() => window.log(/Renewing failed/) !== undefined);
    await window.run('refreshNow');
    assert.match(window.editor.window.flashes.join('\n'), /The token for “tickets” is new\./);
    assert.equal(issuer.counts().refreshes, 1);
  });
});

describe('an MCP server that is down', () => {
  const ground = useGround();

  it('is named in an answer that says what to check', async () => {
    const { server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    server.deny('reset');
    assert.match(
      await call('whoami'),
      /^isError: The MCP server “tickets” at 127\.0\.0\.1:\d+ does not answer\. Check that it runs/,
    );
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
  });

  it('cannot keep a sign-in from saying what is wrong', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]), browse: undefined });
    await server.close();
    await window.ready;
    const run = window.run('signIn');
    (await window.editor.window.message(/“tickets” at 127\.0\.0\.1:\d+ does not answer\./)).close();
    await run;
  });
});
