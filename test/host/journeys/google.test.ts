import assert from 'node:assert/strict';
import { googleClient } from '../../support/google/google-clients.js';
import { alice } from '../../support/google/google-users.js';
import { GoogleGround } from '../google-ground.js';

const gmail = 'https://www.googleapis.com/auth/gmail.readonly';

describe('Google’s hosted servers', () => {
  const client = googleClient();
  let ground: GoogleGround;

  before(async () => {
    ground = await GoogleGround.start({ clients: [client] }, (world) => {
      const url = 'https://gmailmcp.googleapis.com/mcp/v1';
      world.hosted({ url, name: 'gmail', scopes: [gmail] });
      return { settings: { 'mcpCredentials.servers': { gmail: { type: 'http', url } } } };
    });
  });
  after(() => ground.stop());

  it('are reached through the proxy of the editor', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    await editor.inputBox(/enter its client ID/);
    await editor.answerInputBox(client.id);
    await editor.inputBox(/Its client secret/);
    await editor.answerInputBox(client.secret);
    assert.match(await ground.finishSignIn({ user: alice }), /You are signed in/);
    await editor.startServer('mcp-credential-broker.mcp-credential-broker/gmail');
    assert.equal(await editor.invokeTool('mcp_gmail_whoami'), 'alice@example.com (Alice)');
    console.log(ground.world.connected);
  });
});
