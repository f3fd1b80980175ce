import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { useGround, userOf } from '../support/ground.js';

const pastTheEndMs = 55_000;
const pastTheWaitMs = 121_000;

describe('a grant that was revoked', () => {
  const ground = useGround();

  async function revoked() {
    const stage = await ground.signedIn();
    const connection = await stage.window.connect('tickets');
    stage.issuer.revokeGrants('alice');
    stage.window.clock.leap(pastTheEndMs);
    return { ...stage, ...connection };
  }

  it('turns to one notification, and the waiting calls go on after Sign In', async () => {
    const { issuer, server, window, call, transport } = await revoked();
    const session = transport.sessionId;
    const background = () => window.editor.statusBar?.backgroundColor?.id;
    const calls = Array.from({ length: 5 }, () => call('whoami'));
    const notice = await window.editor.window.message(/waits for you to sign in again/);
    assert.match(notice.text, /alice@example\.com .*has expired or was revoked/);
    assert.deepEqual(notice.buttons, ['Sign In']);
    assert.match(window.editor.statusBar?.text ?? '', /^\$\(warning\).*alice@example\.com/);
    assert.equal(background(), 'statusBarItem.warningBackground');

    notice.press('Sign In');
    assert.deepEqual([...new Set(await Promise.all(calls))], ['alice@example.com (Alice)']);
    assert.match((await window.editor.visits.at(-1))?.text ?? '', /You are signed in/);
    assert.equal(background(), undefined);
    assert.deepEqual([transport.sessionId, server.sessions.length], [session, 1]);
    assert.deepEqual([issuer.counts().refusedRefreshes, issuer.counts().codesExchanged], [1, 2]);
  });

  it('ends a call that nobody helps with a result that names the command', async () => {
    const { window, call, issuer } = await revoked();
    const answer = call('whoami');
    await window.editor.window.message(/waits for you to sign in again/);
    await window.waiting(1);
    window.clock.leap(pastTheWaitMs);
    assert.match(
      await answer,
      /^isError: The sign-in of alice@example\.com .* Run “MCP Credentials: Sign In” .* “tickets”, then try again\.$/,
    );
    assert.equal(issuer.counts().refusedRefreshes, 1);
  });

  it('asks once for each failure, not for each call', async () => {
    const { window, call } = await revoked();
    const first = call('whoami');
    await window.editor.window.message(/waits for you/);
    const second = call('whoami');
    await window.waiting(2);
    window.clock.leap(pastTheWaitMs);
    assert.match((await Promise.all([first, second])).join('\n'), /^isError.*\nisError/);
    assert.equal(window.editor.window.messages.length, 1);
  });

  it('asks again for the next call when nobody answered the question, and lets both go on', async () => {
    const { window, call } = await revoked();
    const first = call('whoami');
    (await window.editor.window.message(/waits for you/)).close();
    await window.waiting(1);
    const second = call('whoami');
    (await window.editor.window.message(/waits for you/)).press('Sign In');
    assert.deepEqual(await Promise.all([first, second]), Array(2).fill('alice@example.com (Alice)'));
  });

  it('asks again for the next call when the click on Sign In led to a no in the browser', async () => {
    const { window, browser, call } = await revoked();
    browser.user = userOf('alice', 'cancel');
    const first = call('whoami');
    const notice = await window.editor.window.message(/waits for you/);
    await window.waiting(1);
    notice.press('Sign In');
    await until(() => window.log(/was given up/) !== undefined);
    await window.waiting(1);
    assert.equal(window.editor.window.messages.length, 1, 'Nobody asks by itself.');
    browser.user = userOf('alice');
    const second = call('whoami');
    (await window.editor.window.message(/waits for you/)).press('Sign In');
    assert.deepEqual(await Promise.all([first, second]), Array(2).fill('alice@example.com (Alice)'));
  });

  it('ends a call at once whose server is taken out of the settings, and asks nobody to sign in for it', async () => {
    const { window, call } = await revoked();
    const answer = call('whoami').catch(String);
    const notice = await window.editor.window.message(/waits for you/);
    await window.waiting(1);
    window.editor.settings.set('user', 'mcpCredentials.servers', {});
    assert.match(await answer, /There is no MCP server “tickets” in the setting/);
    notice.press('Sign In');
    await window.waiting(0);
    assert.equal(window.editor.window.messages.length, 1);
    assert.equal(window.editor.opened.length, 1);
  });

  it('ends initialize with a JSON-RPC error that names the command, when nothing is remembered for it', async () => {
    const { window } = await revoked();
    const { url, headers } = await window.definition('tickets');
    const clientInfo = { name: 'older', version: '1' };
    const params = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    const answered = fetch(url, { method: 'POST', headers, body }).then((answer) => answer.json());
    await window.editor.window.message(/waits for you to sign in again/);
    await window.waiting(1);
    window.clock.leap(pastTheWaitMs);
    const { error } = (await answered) as { error: { message: string } };
    assert.match(error.message, /Run “MCP Credentials: Sign In”/);
  });

  it('lets a session begin from memory, and its first call go on after Sign In', async () => {
    const { window } = await revoked();
    const { call } = await window.connectUnresolved('tickets');
    const answer = call('whoami');
    (await window.editor.window.message(/waits for you to sign in again/)).press('Sign In');
    assert.equal(await answer, 'alice@example.com (Alice)');
  });

  it('is found out in the background too, and told once', async () => {
    const { window, issuer } = await ground.signedIn();
    issuer.revokeGrants('alice');
    window.clock.leap(49_000);
    await window.editor.window.message(/waits for you to sign in again/);
    window.clock.leap(3_600_000);
    assert.equal(issuer.counts().refusedRefreshes, 1);
  });

  it('is told about again next time, although nobody closed the notification of before', async () => {
    const { window, issuer, call } = await revoked();
    const first = await window.editor.window.message(/waits for you to sign in again/);
    await window.signIn(/Again as alice/);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.ok(first.isOpen, 'It lies in the notification centre.');

    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    const second = await window.editor.window.message(/waits for you to sign in again/);
    const answer = call('whoami');
    second.press('Sign In');
    assert.equal(await answer, 'alice@example.com (Alice)');
    first.press('Sign In');
    assert.equal(window.editor.opened.length, 3, 'A notification of before does nothing any more.');
  });

  it('does not keep a second account of the same window from working', async () => {
    const { window, issuer, browser } = await ground.signedIn();
    const other = await ground.server(issuer, { name: 'wiki' });
    const servers = (await window.editor.api.workspace
      .getConfiguration('mcpCredentials')
      .get('servers')) as Record<string, unknown>;
    window.editor.settings.set('user', 'mcpCredentials.servers', {
      ...servers,
      wiki: { type: 'http', url: other.url },
    });
    browser.user = { username: 'bob', password: 'bob', decision: 'allow' };
    await window.signIn(/wiki/);
    const wiki = await window.connect('wiki');
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    await window.editor.window.message(/alice@example\.com.*“tickets” waits for you/);
    assert.equal(await wiki.call('whoami'), 'bob@example.com (Bob)');
  });

  it('lets the server hear that a session ends without asking anybody to sign in', async () => {
    const { window, transport } = await revoked();
    await window.editor.window.message(/waits for you to sign in again/);
    await transport.terminateSession();
  });
});
