import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { workspaceFile } from '../../support/google/credential-files.js';
import { googleClient } from '../../support/google/google-clients.js';
import type { GoogleMcpEndpoint } from '../../support/google/google-mcp.js';
import type { TestUser } from '../../support/test-users.js';
import { GoogleGround } from '../google-ground.js';
import { until } from '../until.js';

const gmailScope = 'https://www.googleapis.com/auth/gmail.readonly';
const emailScope = 'https://www.googleapis.com/auth/userinfo.email';
const reportsUrl = 'https://reports-407408718192.a.run.app/mcp';

const people = ['ada', 'ben', 'cleo', 'dan', 'eva', 'finn', 'gus'].map((name, index): TestUser => {
  const email = `${name}@example.com`;
  return { subject: `10473341298551672003${index}`, name, email, password: email };
});

describe('Google credentials that need no browser', () => {
  const client = googleClient();
  const ground = new GoogleGround();
  let reports: GoogleMcpEndpoint;

  before(async () => {
    await ground.open({ clients: [client], users: people }, (world) => {
      const robot = world.google.addServiceAccount('robot');
      const keyFile = join(world.folder, 'robot.json');
      writeFileSync(keyFile, robot.keyFile, { mode: 0o600 });
      reports = world.cloudRun({ url: reportsUrl, name: 'reports', invokers: [robot.email] });
      world.hosted({
        url: 'https://gmailmcp.googleapis.com/mcp/v1',
        name: 'gmail',
        scopes: [gmailScope],
      });
      const grant = { type: 'google', credentials: keyFile, audience: new URL(reportsUrl).origin };
      return {
        settings: {
          'mcpCredentials.signInWaitSeconds': 0,
          'mcpCredentials.servers': {
            reports: { type: 'http', url: reportsUrl, auth: { grant } },
            gmail: {
              type: 'http',
              url: 'https://gmailmcp.googleapis.com/mcp/v1',
              auth: { scopes: [gmailScope] },
            },
          },
        },
      };
    });
  });
  after(() => ground.stop());

  it('open a server on Cloud Run with ID tokens of a service account, for that server alone', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    await editor.pickQuickPick('reports');
    await ground.status(({ text }) => text.includes('robot@'));
    assert.match(
      await ground.call('reports', 'whoami'),
      /^robot@ticket-helper-471812\.iam\.gserviceaccount\.com/,
    );
    assert.ok(reports.requests.every(({ hasCredential, status }) => hasCredential && status < 300));
    assert.equal(editor.openedPages.length, 0);
    await editor.screenshot('google-cloud-run');
  });

  describe('ten files of google_workspace_mcp, of which three are damaged', () => {
    let folder: string;

    before(async () => {
      folder = join(ground.editor.home.root, '.google_workspace_mcp', 'credentials');
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const write = (name: string, text: string) =>
        writeFileSync(join(folder, `${name}@example.com.json`), text, { mode: 0o600 });
      const scopes = ['openid', emailScope, gmailScope];
      let whole = '';
      for (const user of people) {
        const tokens = await ground.google.signedInElsewhere(user, client, scopes);
        whole = workspaceFile(client, { ...tokens, scopes, expiresAtMs: Date.now() - 60_000 });
        write(user.name, whole);
      }
      write('cut', whole.slice(0, whole.length / 2));
      write('empty', '');
      write('half', whole.replace(/"refresh_token": "[^"]*"/, '"refresh_token": null'));
      writeFileSync(join(folder, 'oauth_states.json'), '{}');
    });

    it('are offered with a reason for each that cannot be imported, and imported as whom they say', async () => {
      const { editor } = ground;
      await editor.runCommand('MCP Credentials: Import Credentials…');
      await editor.quickPickWith('What Was Found');
      await editor.screenshot('google-import-where');
      await editor.pickQuickPick('What Was Found');
      await editor.quickPickWith('ada@example.com');
      await editor.screenshot('google-import-which');
      for (const [name, why] of [
        ['cut', /damaged: it is not JSON/],
        ['empty', /damaged: it is not JSON/],
        ['half', /no refresh token/],
      ] as const) {
        // All ten do not fit on the screen.
        await editor.filterQuickPick(`${name}@`);
        const item = await until(`item for ${name}`, async () => {
          const items = await editor.quickPickItems();
          return items.length === 1 && items[0];
        });
        assert.match(item, why);
      }
      await editor.filterQuickPick('');
      await editor.theme('dark');
      await editor.screenshot('google-import-which-dark');
      await editor.page.keyboard.press('Enter');
      // All seven fit the server, so the user says whom it is to use.
      await editor.pickQuickPick('ada@example.com');
      const said = await editor.notification('Imported: ada@example.com', 60_000);
      for (const { email } of people) assert.ok(said.text.includes(email), email);
      await editor.screenshot('google-imported');
      assert.ok(ground.google.requests.includes('GET /v1/userinfo'));
    });

    it('leave a rule by which each of them signs in with their own client again', async () => {
      const { editor } = ground;
      await editor.runCommand('MCP Credentials: Add Google Client…');
      await editor.filterQuickPick(client.id);
      const rule = await until('the rule of the client', async () => {
        const items = await editor.quickPickItems();
        return items.length === 1 && items[0];
      });
      for (const { email } of people) assert.ok(rule.includes(email), `${email} in ${rule}`);
      for (const name of ['cut', 'empty', 'half']) assert.ok(!rule.includes(`${name}@`), rule);
      await editor.page.keyboard.press('Escape');
    });

    it('serve a server at once, and can be deleted after a look at what it will be', async () => {
      const { editor } = ground;
      await editor.clickNotification('Imported:', 'Delete the Files…');
      const dialog = await until('dialog', async () => (await editor.dialogs())[0]);
      await editor.screenshot('google-import-deletion');
      for (const { email } of people) assert.ok(dialog.includes(email), email);
      await editor.clickDialog('Delete 7 Files');
      await editor.notification('deleted', 60_000);
      assert.deepEqual(
        readdirSync(folder).sort(),
        [
          'cut@example.com.json',
          'empty@example.com.json',
          'half@example.com.json',
          'oauth_states.json',
        ].sort(),
      );
      assert.ok(!existsSync(join(folder, 'ada@example.com.json')));
      assert.equal(await ground.call('gmail', 'whoami'), 'ada@example.com (ada)');
      assert.equal(editor.openedPages.length, 0);
    });
  });
});
