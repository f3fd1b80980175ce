import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { imageInWebview } from '../pictures.js';

describe('a newcomer', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} }, { editor: () => ({ settings: { 'mcpCredentials.servers': {} } }) });
  });
  after(() => ground.stop());

  it('is shown what Google hosts, and any other server', async () => {
    const { editor } = ground;
    for (const kind of ['light', 'dark'] as const) {
      await editor.theme(kind);
      await editor.runCommand('MCP Credentials: Add Server…');
      const items = await editor.quickPickItems();
      assert.match(items[0] ?? '', /Another Server by Its Address/);
      assert.ok(
        items.some((item) => item.startsWith('Gmail')),
        items.join(),
      );
      await editor.screenshot(`add-server-${kind}`);
      await editor.page.keyboard.press('Escape');
    }
  });

  it('adds a server by its address, and signs in at once', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Add Server…');
    await editor.pickQuickPick('Another Server by Its Address');
    await editor.answerInputBox(/address of its MCP endpoint/, ground.server('tickets').url);
    await editor.answerInputBox(/What you want to call it/, 'tickets');
    await ground.finishSignIn(alice);
    assert.match(await editor.invokeTool(await ground.start('tickets', 'whoami')), /^alice@example\.com/);
  });

  it('finds the way in the walkthrough, light and dark, where what has happened is ticked', async () => {
    const { editor } = ground;
    await editor.runCommand('View: Close Primary Side Bar');
    await editor.runCommand('View: Toggle Secondary Side Bar Visibility');
    for (const kind of ['light', 'dark'] as const) {
      await editor.theme(kind);
      await editor.runCommand('MCP Credentials: Add Google Client…');
      await editor.pickQuickPick('How to Make One');
      await editor.page.getByText('For Google: make a client').first().waitFor();
      await editor.page.getByText('For Google: make a client').first().click();
      await editor.page.getByText('Open Google’s Page for Clients').first().waitFor();
      for (const [step, isTicked] of [
        ['addServer', true],
        ['makeClient', false],
        ['addClient', false],
        ['signIn', true],
      ] as const)
        await editor.page
          .locator(`[data-done-step-id$="#${step}"][aria-checked="${isTicked}"]`)
          .first()
          .waitFor();
      await imageInWebview(editor.page, 'On Google’s page Clients', kind);
      await editor.screenshot(`walkthrough-${kind}`);
    }
  });
});
