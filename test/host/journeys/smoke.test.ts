import assert from 'node:assert/strict';
import { startEditor, type Editor } from '../editor.js';

describe('the editor host', function () {
  this.timeout(120_000);
  let editor: Editor;

  before(async () => {
    editor = await startEditor({ broker: false });
  });
  after(() => editor.close());

  it('runs a window with the companion in it', async () => {
    const { folders, extensions, version } = await editor.windowState();
    assert.equal(folders.length, 1);
    assert.equal(extensions['mcp-credential-broker.mcp-credential-broker-companion'], 'active');
    assert.match(version, /^1\.\d+\.\d+$/);
  });

  it('answers a question in the chat with the scripted model', async () => {
    await editor.askInChat('@demo who am I?');
    assert.equal(await editor.chatAnswer(), 'No MCP server offers a tool yet.');
    await editor.screenshot('chat');
  });

  it('runs a command from the palette', async () => {
    await editor.runCommand('Notifications: Toggle Do Not Disturb Mode');
    const bell = await editor.statusBarItem('status.notifications');
    assert.match(bell.label, /Do Not Disturb/);
    await editor.runCommand('Notifications: Toggle Do Not Disturb Mode');
  });

  it('comes back after a reload', async () => {
    const before = await editor.windowState();
    await editor.reload();
    assert.notEqual((await editor.windowState()).extensionHostPid, before.extensionHostPid);
  });

  it('shows no dialog of its own', async () => {
    assert.deepEqual(await editor.dialogs(), []);
    assert.deepEqual(await editor.notifications(), []);
  });

  it('starts again from what it has stored', async () => {
    await editor.theme('dark');
    editor = await editor.reopen();
    await editor.page.locator('.monaco-workbench.vs-dark').waitFor();
    await editor.screenshot('reopened');
  });
});
