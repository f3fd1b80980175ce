import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';

describe('servers in the settings', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open(
      { own: {}, proposed: {} },
      {
        editor: ({ own, proposed }) => ({
          settings: { 'mcpCredentials.servers': { own } },
          workspaceSettings: { 'mcpCredentials.servers': { proposed } },
        }),
      },
    );
  });
  after(() => ground.stop());

  it('that a workspace proposes are used only after a question with the full address', async () => {
    const { editor } = ground;
    const { text, buttons } = await editor.notification('“proposed”');
    assert.ok(text.includes(`at ${ground.server('proposed').url} with an account of yours`), text);
    assert.deepEqual(buttons, ['Allow', 'Don’t Allow']);
    assert.match(await ground.statusTooltip(), /proposed – waits for your answer/);
    await editor.screenshot('proposed');
    assert.equal(ground.server('proposed').requests.length, 0);
  });

  it('that a workspace proposes work once they are allowed', async () => {
    const { editor } = ground;
    await editor.clickNotification('“proposed”', 'Allow');
    await ground.signIn(alice, 'proposed');
    assert.match(await editor.invokeTool(await ground.start('proposed', 'whoami')), /^alice@example\.com/);
  });

  it('are not asked about again after a reload', async () => {
    const { editor } = ground;
    await editor.reload();
    assert.match(await editor.invokeTool(await ground.tool('proposed', 'whoami')), /^alice@example\.com/);
    assert.deepEqual(await editor.notifications(), []);
  });

  it('with a mistake are named with its place, and the others work on', async () => {
    const { editor } = ground;
    const entries = { own: ground.entry('own'), wrong: { type: 'http', url: 'ftp://example.com' } };
    await editor.updateSetting('mcpCredentials.servers', entries);
    const { text, buttons } = await editor.notification('"wrong"');
    assert.match(
      text,
      /mcpCredentials\.servers.*"wrong".*"url".*"ftp:\/\/example\.com".*neither https nor http/,
    );
    assert.deepEqual(buttons, ['Open Settings']);
    assert.match(await ground.statusTooltip(), /wrong: .*"url"/);
    await ground.signIn(alice, 'own');
    assert.match(await editor.invokeTool(await ground.start('own', 'whoami')), /^alice@example\.com/);
    assert.match(await editor.invokeTool(await ground.tool('proposed', 'whoami')), /^alice@example\.com/);
  });

  it('are one click away from that message', async () => {
    const { editor } = ground;
    await editor.clickNotification('"wrong"', 'Open Settings');
    await editor.page.locator('.settings-editor').getByText('Mcp Credentials: Servers').first().waitFor();
    await editor.screenshot('settings');
  });
});
