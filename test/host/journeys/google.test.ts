import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientFile, googleClient } from '../../support/google/google-clients.js';
import type { GoogleMcpEndpoint } from '../../support/google/google-mcp.js';
import { alice, bob } from '../../support/google/google-users.js';
import { GoogleGround } from '../google-ground.js';

const dayMs = 86_400_000;

const scopes = (...names: string[]) => names.map((name) => `https://www.googleapis.com/auth/${name}`);

describe('an everyday life with Google’s hosted servers', () => {
  const client = googleClient({ status: 'testing' });
  const ground = new GoogleGround();
  let gmail: GoogleMcpEndpoint;

  before(async () => {
    await ground.open({ clients: [client] }, (world) => {
      gmail = world.hosted({
        url: 'https://gmailmcp.googleapis.com/mcp/v1',
        name: 'gmail',
        scopes: scopes('gmail.readonly', 'gmail.compose'),
      });
      world.hosted({
        url: 'https://drivemcp.googleapis.com/mcp/v1',
        name: 'drive',
        scopes: scopes('drive.readonly', 'drive.file'),
      });
      // Nobody waits for a user who is to read first.
      return { settings: { 'mcpCredentials.signInWaitSeconds': 0 } };
    });
  });
  after(() => ground.stop());

  it('begins with the preset of a server, the downloaded file of a client, and one sign-in', async () => {
    const { editor } = ground;
    const file = join(editor.home.root, 'client_secret.json');
    writeFileSync(file, clientFile(client));
    await editor.runCommand('MCP Credentials: Add Server…');
    await editor.quickPickWith('Gmail');
    await editor.screenshot('google-add-server');
    await editor.pickQuickPick('Gmail');
    await editor.quickPickWith('Read and Change');
    await editor.screenshot('google-add-how-far');
    await editor.pickQuickPick('Read and Change');
    await editor.quickPickWith('Choose the Downloaded File');
    await editor.screenshot('google-add-client');
    await editor.pickQuickPick('Choose the Downloaded File');
    await editor.inputBox(/client_secret/);
    await editor.chooseFile(file);
    await editor.quickPickWith('Everybody');
    await editor.screenshot('google-client-for-whom');
    await editor.pickQuickPick('Everybody');
    assert.match(
      await ground.finishSignIn({ user: alice }),
      /You are signed in\s+alice@example\.com is ready/,
    );
    await ground.status(({ text }) => text.includes('alice@example.com'));
    await editor.screenshot('google-signed-in');
  });

  it('gives each call the token of the account, and finds everything through the editor’s proxy', async () => {
    assert.equal(await ground.call('gmail', 'whoami'), 'alice@example.com (Alice)');
    const [call] = gmail.requests.filter(({ tool }) => tool === 'whoami');
    assert.deepEqual([call?.email, call?.status], [alice.email, 200]);
    for (const name of [
      'gmailmcp.googleapis.com:443',
      'accounts.google.com:443',
      'oauth2.googleapis.com:443',
    ]) {
      assert.ok(ground.world.connected.includes(name), name);
    }
  });

  it('says which permissions are missing when the user has unticked one, and what will not work', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Add Server…');
    await editor.pickQuickPick('Google Drive');
    await editor.pickQuickPick('Read and Change');
    const said = await ground.finishSignIn({ user: alice, unticks: /drive\.file/ });
    assert.match(said, /You are signed in.*Not granted: Drive: .*Tools of “drive” that need it will fail/s);
    assert.match(await ground.tooltip(), /not granted: Drive: /);
    assert.equal(await ground.call('drive', 'whoami'), 'alice@example.com (Alice)');
  });

  it('refuses another person than the one who was asked for, and keeps what there is', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    await editor.quickPickWith('drive');
    await editor.screenshot('google-sign-in-which');
    await editor.pickQuickPick('drive');
    await editor.pickQuickPick('Again as alice@example.com');
    const said = await ground.finishSignIn({ user: bob });
    assert.match(
      said,
      /You are not signed in.*You signed in as bob@example\.com, but “drive” uses alice@example\.com/s,
    );
    assert.equal(await ground.call('drive', 'whoami'), 'alice@example.com (Alice)');
  });

  it('gives two servers two accounts', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    await editor.pickQuickPick('drive');
    await editor.pickQuickPick('With Another Account…');
    assert.match(
      await ground.finishSignIn({ user: bob }),
      /bob@example\.com is ready for the MCP server “drive”/,
    );
    assert.equal(await ground.call('drive', 'whoami'), 'bob@example.com (Bob)');
    assert.equal(await ground.call('gmail', 'whoami'), 'alice@example.com (Alice)');
    assert.match((await ground.status()).text, /^2 accounts/);
    await editor.screenshot('google-two-accounts');
  });

  it('explains that access was withdrawn, tells the model what to do, and goes on after the next sign-in', async () => {
    const { editor } = ground;
    await ground.google.revokeAccess(alice.subject);
    const said = await ground.call('gmail', 'whoami');
    assert.match(said, /alice@example\.com.*the access was revoked.*“MCP Credentials: Sign In”/s);
    await editor.screenshot('google-revoked');
    await editor.clickNotification('“gmail”', 'Sign In');
    assert.match(await ground.finishSignIn({ user: alice }), /You are signed in/);
    assert.equal(await ground.call('gmail', 'whoami'), 'alice@example.com (Alice)');
    assert.equal(await ground.call('drive', 'whoami'), 'bob@example.com (Bob)');
  });

  it('announces the end after seven days in Testing, and explains it when it has come', async () => {
    const { editor } = ground;
    await ground.advanceClock(5.5 * dayMs);
    assert.equal(await ground.call('gmail', 'whoami'), 'alice@example.com (Alice)');
    assert.match(await ground.tooltip(), /the sign-in itself ends in 3\d h, so sign in again before/);
    await ground.advanceClock(1.6 * dayMs);
    const said = await ground.call('gmail', 'whoami');
    assert.match(said, /alice@example\.com has ended after 7 days.*in testing.*Publish the app/s);
    const { text } = await editor.notification('after 7 days');
    assert.match(text, /Google Auth Platform/);
    await editor.screenshot('google-testing-expired');
    await editor.theme('dark');
    await editor.screenshot('google-testing-expired-dark');
  });
});
