import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { serversSetting, useGround } from '../support/ground.js';

const pastTheEndMs = 55_000;

/** A window in which opening the browser is a mistake. */
const nobodyAtTheBrowser = { browse: undefined } as const;

describe('a window that is closed and opened again', () => {
  const ground = useGround();

  it('calls on with no sign-in, no browser and no notification', async () => {
    const { issuer, server, window } = await ground.signedIn();
    await (await window.connect('tickets')).call('whoami');
    await window.close();

    const options = { stores: window.stores, user: serversSetting([server]) };
    const again = ground.window({ ...options, ...nobodyAtTheBrowser }).window;
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.deepEqual([again.editor.opened, issuer.counts().signIns], [[], 1]);
    assert.match(again.editor.statusBar?.text ?? '', /alice@example\.com/);
  });

  it('renews a token that ended while it was closed', async () => {
    const { issuer, server, window } = await ground.signedIn();
    await window.close();

    const options = { stores: window.stores, user: serversSetting([server]) };
    const again = ground.window({ ...options, ...nobodyAtTheBrowser }).window;
    again.clock.leap(3_600_000);
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refreshes, 1);
  });

  it('still knows whose an open session is', async () => {
    const { server, window } = await ground.signedIn();
    const { transport } = await window.connect('tickets');
    const sessionId = transport.sessionId ?? '';
    await window.close();

    const again = ground.window({ stores: window.stores, user: serversSetting([server]) });
    const { url, headers } = await again.window.definition('tickets');
    const ask = () =>
      fetch(url, {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-session-id': sessionId,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
      });
    assert.equal((await ask()).status, 200);
    again.browser.user = { username: 'bob', password: 'bob', decision: 'allow' };
    await again.window.signIn(/Another Account/);
    const refusals = server.requests.length;
    assert.equal((await ask()).status, 404);
    assert.equal(
      server.requests.length,
      refusals,
      'The request did not leave with the other account’s token.',
    );
  });

  it('gives each window a capability and a port of its own', async () => {
    const { server, window } = await ground.signedIn();
    const before = await window.definition('tickets');
    const second = ground.window({ stores: window.stores, user: serversSetting([server]) }).window;
    const after = await second.definition('tickets');
    assert.notEqual(after.headers['Authorization'], before.headers['Authorization']);
    assert.notEqual(new URL(after.url).port, new URL(before.url).port);
    const crossed = new StreamableHTTPClientTransport(new URL(after.url), {
      requestInit: { headers: before.headers },
    });
    await crossed.start();
    await assert.rejects(crossed.send({ jsonrpc: '2.0', id: 1, method: 'ping' }), /Error POSTing/);
    await crossed.close();
  });
});

describe('resolving a definition', () => {
  const ground = useGround();

  /** A window that knows that the server was reached, and not what it said, as after an update from an older version. */
  async function forgetful() {
    const { issuer, server, window } = await ground.signedIn();
    await window.connect('tickets');
    await window.close();
    rmSync(join(window.stores.folder, 'servers'), { recursive: true });
    issuer.revokeGrants('alice');
    const opened = ground.window({ stores: window.stores, user: serversSetting([server]) });
    await opened.window.ready;
    opened.window.clock.leap(pastTheEndMs);
    return opened.window;
  }

  it('waits for the user when the server was reached before, and then goes on', async () => {
    const window = await forgetful();
    const connected = window.connect('tickets');
    (await window.editor.window.message(/“tickets” waits for you to sign in again/)).press('Sign In');
    assert.equal(await (await connected).call('whoami'), 'alice@example.com (Alice)');
  });

  it('gives up waiting after the configured time, with a text that says what to run', async () => {
    const window = await forgetful();
    window.editor.settings.set('user', 'mcpCredentials.signInWaitSeconds', 3_600);
    const resolved = assert.rejects(window.editor.resolve('tickets'), /Run “MCP Credentials: Sign In”/);
    await window.editor.window.message(/waits for you/);
    await window.waiting(1);
    window.clock.leap(269_000);
    await window.waiting(0);
    window.clock.leap(2_000);
    await resolved;
  });

  it('throws at once for a server that was never reached, and asks in one notification', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]), ...nobodyAtTheBrowser });
    for (let start = 0; start < 2; start++) {
      await assert.rejects(window.editor.resolve('tickets'), {
        message:
          'Nobody is signed in for the MCP server “tickets”. Run “MCP Credentials: Sign In” from the Command Palette and choose “tickets”, then try again.',
      });
    }
    const notice = await window.editor.window.message(/“tickets” needs you to sign in/);
    assert.deepEqual(notice.buttons, ['Sign In']);
    assert.equal(window.editor.window.messages.length, 1);
  });

  it('throws at once for a server whose sign-in died before it was ever reached', async () => {
    const { issuer, window } = await ground.signedIn();
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    await assert.rejects(
      window.editor.resolve('tickets'),
      /has expired or was revoked.*Run “MCP Credentials: Sign In”/,
    );
    await window.editor.window.message(/waits for you to sign in again/);
  });
});
