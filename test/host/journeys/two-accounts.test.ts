import assert from 'node:assert/strict';
import { alice, bob } from '../../support/test-users.js';
import { Ground } from '../ground.js';

describe('two accounts at one issuer', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({
      work: { account: 'alice@example.com' },
      home: { account: 'bob@example.com' },
    });
    await ground.signIn(alice, 'work');
    await ground.signIn(bob, 'home');
  });
  after(() => ground.stop());

  it('gives each server its own account', async () => {
    const { editor } = ground;
    assert.match(await editor.invokeTool(await ground.start('work', 'whoami')), /^alice@example\.com/);
    assert.match(await editor.invokeTool(await ground.start('home', 'whoami')), /^bob@example\.com/);
    const item = await ground.status();
    assert.match(item.text, /^2 accounts/);
    const tooltip = await ground.statusTooltip();
    assert.match(tooltip, /alice@example\.com/);
    assert.match(tooltip, /bob@example\.com/);
    await editor.screenshot('two-accounts');
  });

  it('refuses another person than the one a server is for', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    await editor.pickQuickPick('work');
    const said = await ground.finishSignIn(bob);
    assert.match(
      said,
      /You are not signed in\s+You signed in as bob@example\.com, but “work” uses alice@example\.com/,
    );
    assert.match(await editor.invokeTool(await ground.tool('work', 'whoami')), /^alice@example\.com/);
  });

  it('never lets a session change its account', () => {
    for (const [name, subject] of [
      ['work', 'alice'],
      ['home', 'bob'],
    ] as const) {
      const calls = ground.server(name).sessions.flatMap(({ calls }) => calls.map((call) => call.subject));
      assert.ok(calls.length > 0);
      assert.deepEqual([...new Set(calls)], [subject]);
    }
  });
});
