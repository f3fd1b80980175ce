import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GoogleGround } from '../google-ground.js';

const bigQuery = 'https://www.googleapis.com/auth/bigquery';
const url = 'https://bigquery.googleapis.com/mcp';

describe('an editor behind an office’s own certificate authority', () => {
  const ground = new GoogleGround();

  before(() =>
    ground.open(
      {},
      (world) => {
        const credentials = join(world.folder, 'robot.json');
        writeFileSync(credentials, world.google.addServiceAccount('robot').keyFile, { mode: 0o600 });
        world.hosted({ url, name: 'tables', scopes: [bigQuery] });
        const auth = { grant: { type: 'google', credentials }, scopes: [bigQuery] };
        return {
          settings: {
            'http.systemCertificates': false,
            'mcpCredentials.signInWaitSeconds': 0,
            'mcpCredentials.servers': { tables: { type: 'http', url, auth } },
          },
        };
      },
      'SSL_CERT_FILE',
    ),
  );
  after(() => ground.stop());

  // The editor has `http.proxyStrictSSL` for its own requests; those of extensions stay strict.
  for (const isStrict of [true, false])
    it(`sends nothing while the editor takes no certificates of the system, with "http.proxyStrictSSL": ${isStrict}`, async () => {
      const { editor, google, world } = ground;
      await editor.runCommand('Notifications: Clear All Notifications');
      await editor.updateSetting('http.proxyStrictSSL', isStrict);
      const before = world.connected.length;
      await editor.runCommand('MCP Credentials: Sign In…');
      const said = await editor.notification('The certificate of oauth2.googleapis.com is not trusted');
      assert.match(said.text, /Check the network’s proxy and the system’s certificates, then try again\./);
      assert.deepEqual(world.connected.slice(before), ['oauth2.googleapis.com:443']);
      assert.deepEqual(google.requests, []);
    });

  it('is signed in for, and calls, once the editor takes them', async () => {
    const { editor } = ground;
    await editor.updateSetting('http.systemCertificates', true);
    await editor.runCommand('MCP Credentials: Sign In…');
    await ground.status(({ text }) => text.includes('robot@'));
    assert.match(await ground.call('tables', 'whoami'), /^robot@/);
  });
});
