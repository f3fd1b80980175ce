import assert from 'node:assert/strict';
import { alice, bob } from '../../support/test-users.js';
import { Ground, serverId } from '../ground.js';

describe('a server that several accounts fit', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} });
    const entry = ground.entry('tickets');
    const work = { ...entry, auth: { account: alice.email } };
    const home = { ...entry, auth: { account: bob.email } };
    await ground.editor.updateSetting('mcpCredentials.servers', { work, home });
    await ground.signIn(alice, 'work');
    await ground.signIn(bob, 'home');
    await ground.editor.updateSetting('mcpCredentials.servers', { work, home, shared: entry });
  });
  after(() => ground.stop());

  /** The editor names tools by what the server calls itself. */
  const whoami = async () => {
    await ground.editor.startServer(serverId('shared'));
    return ground.editor.invokeTool(await ground.tool('tickets', 'whoami'));
  };

  it('asks which one, and is started with the one that is chosen', async () => {
    const { editor } = ground;
    assert.match(
      await ground.failedStart('shared'),
      /Several of your accounts fit the MCP server “shared”\. Run “MCP Credentials: Sign In”/,
    );
    await editor.notification('Several of your accounts fit the MCP server “shared”');
    await editor.screenshot('choice-of-account');
    await editor.clickNotification('Several of your accounts fit', 'Choose Account…');
    await editor.pickQuickPick('bob@example.com');
    assert.equal(await whoami(), 'bob@example.com (Bob)');
    assert.equal(ground.issuer.counts().signIns, 2);
  });

  it('does not ask again after a reload', async () => {
    const { editor } = ground;
    await editor.reload();
    assert.equal(await whoami(), 'bob@example.com (Bob)');
    assert.deepEqual(await editor.notifications(), []);
    assert.deepEqual(editor.everyDialog(), []);
  });
});
