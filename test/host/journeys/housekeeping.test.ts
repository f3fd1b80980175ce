import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';

describe('somebody who looks after an account', () => {
  const ground = new Ground();
  let whoami: string;

  before(async () => {
    // Tokens that nobody renews but the user, and calls that do not wait for a sign-in that never comes.
    await ground.open(
      { tickets: {} },
      {
        issuer: { accessTokenSeconds: 3_600 },
        editor: { settings: { 'mcpCredentials.signInWaitSeconds': 1 } },
      },
    );
    await ground.signIn(alice);
    whoami = await ground.start('tickets', 'whoami');
  });
  after(() => ground.stop());

  it('finds every server with its account behind the status bar item', async () => {
    const { editor } = ground;
    assert.match(
      await ground.statusTooltip(),
      /alice@example\.com \(tickets\) – signed in, token renews within 60 min/,
    );
    await ground.openMenu();
    const [first, ...others] = await editor.quickPickItems();
    assert.match(first ?? '', /^tickets, alice@example\.com – signed in/);
    assert.deepEqual(others, [
      'Add Server…',
      'Stored in: the editor’s secret storage · in order',
      'Open Settings',
      'Show Log',
      'Show Audit Trail',
      'Show Diagnostics',
    ]);
    await editor.screenshot('menu');
  });

  it('renews the token once with Refresh Now', async () => {
    const { editor } = ground;
    await editor.pickQuickPick('tickets');
    await until('menu of the server', async () => (await editor.quickPickItems()).includes('Sign Out'));
    assert.deepEqual(await editor.quickPickItems(), ['Refresh Now', 'Sign In…', 'Sign Out']);
    await editor.pickQuickPick('Refresh Now');
    const confirmation = await editor.statusBarItem('The token for “tickets” is new');
    assert.match(confirmation.text, /It lasts 60 min and renews itself/);
    assert.equal(ground.refreshedAtMs().length, 1);
    assert.equal(await editor.invokeTool(whoami), 'alice@example.com (Alice)');
    assert.equal(ground.server('tickets').sessions.length, 1);
  });

  it('reads why the server itself refuses a call, and is not asked by the editor to sign in', async () => {
    const { editor } = ground;
    const tickets = ground.server('tickets');
    tickets.acceptOnly('bob');
    assert.match(
      await editor.invokeTool(whoami),
      /The MCP server “tickets” does not allow alice@example\.com to do this.* Sign in with an account that may/s,
    );
    tickets.acceptOnly(undefined);
    // Once for the token that was there, and once for the new one.
    tickets.deny(401, 2);
    assert.match(
      await editor.invokeTool(whoami),
      /“tickets” refuses a token that .* has just issued to alice/,
    );
    assert.equal(ground.refreshedAtMs().length, 2);
    assert.equal(await editor.invokeTool(whoami), 'alice@example.com (Alice)');
    assert.equal(tickets.sessions.length, 1);
    assert.deepEqual(editor.everyDialog(), []);
  });

  it('reads in the log what happened', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Show Log');
    await until('log', async () => /Signed in "alice@example\.com".*Renewed/.test(await editor.output()));
    await editor.screenshot('log');
  });

  it('reads in the audit trail which credential went where, by fingerprints', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Show Audit Trail');
    await until('audit trail', async () => /First use .*Sign-in: done/.test(await editor.document()));
    await editor.screenshot('audit-trail');
  });

  it('finds in the diagnostics how everything stands, and nobody’s name', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Show Diagnostics');
    await until('diagnostics', async () => /server 1 .*account 1 of/.test(await editor.document()));
    assert.doesNotMatch(await editor.document(), /alice|tickets/);
    await editor.screenshot('diagnostics');
  });

  it('signs out: at the issuer, in the status bar, and in the secret storage', async () => {
    const { editor, issuer } = ground;
    const secrets = async () => {
      const stored = Object.values(await editor.secrets()).join();
      return [...issuer.issuedSecrets].filter((secret) => stored.includes(secret));
    };
    assert.notDeepEqual(await secrets(), []);
    await editor.runCommand('MCP Credentials: Sign Out…');
    const { text } = await editor.notification('Signed out');
    assert.equal(
      text,
      'Signed out alice@example.com of “tickets”. The access was revoked at the authorization server.',
    );
    await ground.status((item) => item.text === 'MCP: signed out');
    assert.equal(issuer.counts('alice').revocations, 1);
    await until('secret storage without tokens', async () => (await secrets()).length === 0);
  });

  it('is told by the next call what to do', async () => {
    const { editor } = ground;
    // The editor ends the running server when its account is gone, and with it a call that came before that.
    const said = await until('answer', async () => {
      const text = await editor.invokeTool(whoami).catch((error: unknown) => (error as Error).message);
      return text !== 'Canceled' && text;
    });
    assert.match(said, /Nobody is signed in for the MCP server “tickets”\. Run “MCP Credentials: Sign In”/);
    assert.equal(editor.openedPages.length, 1);
    assert.deepEqual(editor.everyDialog(), []);
  });
});
