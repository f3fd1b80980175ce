import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';
import { callOf, rawRequest } from '../support/raw-request.js';

describe('a call that needs more permissions than were granted', () => {
  const ground = useGround();

  const signedIn = () => ground.signedIn({ server: { toolScopes: { note: ['mcp:write'] } } });
  const wanted = /“tickets” needs more permissions of alice@example\.com: "mcp:write"/;

  it('asks for them in one notification, waits, and completes', async () => {
    const { issuer, server, window } = await signedIn();
    const { call } = await window.connect('tickets');
    const answers = Promise.all([call('note', { text: 'one' }), call('note', { text: 'two' })]);
    const notice = await window.editor.window.message(wanted);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)'); // What needs no more is not kept waiting.
    notice.press('Allow…');
    await answers;
    assert.equal(server.notes.length, 2);
    const scopes = issuer.events
      .filter(({ kind }) => kind === 'authorization-granted')
      .map(({ scope }) => scope);
    assert.deepEqual(
      scopes.map((scope) => scope?.split(' ').filter((one) => one.startsWith('mcp:'))),
      [['mcp:read'], ['mcp:read', 'mcp:write']],
    );
    assert.equal(window.editor.window.messages.length, 1);
  });

  it('says what to do when nobody answers', async () => {
    const { window } = await signedIn();
    const { call } = await window.connect('tickets');
    const answer = call('note', { text: 'one' });
    await window.editor.window.message(wanted);
    await window.waiting(1);
    window.clock.leap(121_000);
    assert.match(
      await answer,
      /^isError: .*needs more permissions of alice@example\.com\. Run “MCP Credentials: Sign In”/,
    );
  });

  it('is told at once when the user closes the notification, and nobody is asked again before a sign-in', async () => {
    const { server, window } = await signedIn();
    const { call } = await window.connect('tickets');
    const answers = [call('note', { text: 'one' }), call('note', { text: 'two' })];
    (await window.editor.window.message(wanted)).close();
    for (const answer of answers) assert.match(await answer, /^isError: .*needs more permissions of alice/);
    assert.match(await call('note', { text: 'three' }), /^isError: .*needs more permissions of alice/);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    await window.signIn(/Again as/);
    const later = call('note', { text: 'four' });
    (await window.editor.window.message(wanted)).press('Allow…');
    await later;
    assert.equal(server.notes.length, 1);
  });

  it('is asked about again by the next call when the click led to a no in the browser', async () => {
    const { server, window, browser } = await signedIn();
    const { call } = await window.connect('tickets');
    browser.user = userOf('alice', 'cancel');
    const first = call('note', { text: 'one' });
    (await window.editor.window.message(wanted)).press('Allow…');
    await until(() => window.log(/was given up/) !== undefined);
    await window.waiting(1);
    assert.equal(window.editor.window.messages.length, 1);
    browser.user = userOf('alice');
    const second = call('note', { text: 'two' });
    (await window.editor.window.message(wanted)).press('Allow…');
    await Promise.all([first, second]);
    assert.equal(server.notes.length, 2);
  });

  it('ends at once when the server is taken out of the settings', async () => {
    const { window } = await signedIn();
    const { call } = await window.connect('tickets');
    const answer = call('note', { text: 'one' }).catch(String);
    await window.editor.window.message(wanted);
    await window.waiting(1);
    window.editor.settings.set('user', 'mcpCredentials.servers', {});
    assert.match(await answer, /There is no MCP server “tickets” in the setting/);
  });

  it('is asked about once when the server is not content with what it asked for', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const { window } = ground.window({ user: serversSetting([resource]) });
    await window.signIn();
    resource.handle = (_req, res) => {
      const challenge = 'Bearer error="insufficient_scope", scope="mcp:write never\u0009:granted"';
      res.writeHead(403, { 'www-authenticate': challenge }).end();
    };
    const { url, headers } = await window.definition('tickets');
    const post = async () => {
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'note' } };
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(call) });
      return answer.text();
    };
    const waiting = post();
    (await window.editor.window.message(/needs more permissions/)).press('Allow…');
    assert.match(await waiting, /does not allow alice@example\.com to do this/);
    assert.match(await post(), /does not allow alice@example\.com to do this/);
    assert.equal(issuer.counts().authorizationRequests, 2);
    assert.equal(window.editor.window.messages.length, 1);
  });

  it('is asked about although a gateway in front puts a challenge of its own first (RFC 9110 §11.6.1)', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const { window } = ground.window({ user: serversSetting([resource]) });
    await window.signIn();
    resource.handle = (_req, res) => {
      const challenges = [
        'Bearer realm="gateway"',
        'Bearer error="insufficient_scope", scope=mcp:write, error_description="Notes',
      ];
      res.writeHead(403, { 'www-authenticate': challenges }).end();
    };
    const { url, headers } = await window.definition('tickets');
    const answer = rawRequest(url, { headers, body: callOf('note') });
    (await window.editor.window.message(wanted)).close();
    assert.match((await answer).body, /needs more permissions of alice/);
  });

  it('is refused at once when permissions are not what is missing', async () => {
    const { server, window } = await signedIn();
    const { call } = await window.connect('tickets');
    server.acceptOnly('bob');
    assert.match(await call('whoami').catch(String), /does not allow alice@example\.com to do this/);
  });
});
