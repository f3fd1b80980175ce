import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';

describe('a tool rule that asks', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open(
      { tickets: {} },
      {
        editor: ({ tickets }) => ({
          settings: {
            'mcpCredentials.servers': {
              tickets: { ...tickets, rules: { 'tools/whoami': 'ask', 'tools/fail': 'never' } },
            },
          },
        }),
      },
    );
    await ground.signIn(alice);
  });
  after(() => ground.stop());

  const question = 'Run the tool "whoami"';
  const whoami = async () => ground.editor.invokeTool(await ground.start('tickets', 'whoami'));
  const calls = () => ground.server('tickets').requests.filter(({ tool }) => tool === 'whoami').length;

  /** Looking behind the bell hides a toast, so the picture comes first. */
  const picture = async (name: string) => {
    await ground.editor.page.locator('.notification-toast:visible', { hasText: question }).waitFor();
    await ground.editor.screenshot(`tool-rule-${name}`);
  };

  it('asks in one notification that names tool, server and account; the call waits, and then completes', async () => {
    const { editor } = ground;
    await editor.updateSetting('workbench.colorTheme', 'Default Dark Modern');
    const answer = whoami();
    await picture('dark');
    const { text, buttons } = await editor.notification(question);
    assert.equal(
      text,
      'Run the tool "whoami" of the MCP server “tickets” as alice@example.com? Your rules ask.',
    );
    assert.deepEqual(buttons, ['Allow', 'Don’t Allow']);
    assert.equal(calls(), 0);
    await editor.clickNotification(question, 'Allow');
    assert.equal(await answer, 'alice@example.com (Alice)');
    assert.equal(calls(), 1);
  });

  it('asks again for the next call, and the model reads that the user said no', async () => {
    const { editor } = ground;
    await editor.updateSetting('workbench.colorTheme', 'Default Light Modern');
    const answer = whoami();
    await picture('light');
    await editor.clickNotification(question, 'Don’t Allow');
    assert.match(await answer, /^The user was asked and did not allow "tools\/whoami"/);
    assert.equal(calls(), 1);
    assert.deepEqual(editor.everyDialog(), []);
  });

  it('stands beside one that hides a tool', async () => {
    const tools = await ground.editor.tools();
    const ours = tools.map(({ name }) => name).filter((name) => name.startsWith('mcp_tickets_'));
    assert.deepEqual(ours.sort(), ['mcp_tickets_count', 'mcp_tickets_note', 'mcp_tickets_whoami']);
  });

  it('leaves its answers in the audit trail', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Show Audit Trail');
    const text = await until('audit trail', async () => {
      const shown = await editor.document();
      return shown.includes('Question: not allowed') && shown;
    });
    assert.match(text, /Question: not allowed/);
    assert.match(text, /Question: allowed/);
    await editor.screenshot('tool-rule-audit');
  });
});
