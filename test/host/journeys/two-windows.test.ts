import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import type { EditorWindow } from '../editor.js';
import { Ground, statusItem } from '../ground.js';
import { tokenMs } from '../parties.js';
import { until } from '../until.js';

const expiries = 10;

/**
 * Two tabs of one browser profile, where the secret storage is at its weakest: each keeps its own copy of all secrets
 * for as long as it lives, and overwrites what the other one has stored.
 */
describe('two windows of one profile', () => {
  const ground = new Ground();
  let second: EditorWindow;
  let whoami: string;

  before(async () => {
    await ground.open({ tickets: {} });
    await ground.status();
    second = await ground.editor.openWindow();
    await second.statusBarItem(statusItem);
  });
  after(() => ground.stop());

  it('both know of a sign-in in one of them, without a reload', async () => {
    await ground.signIn(alice);
    await ground.status(({ text }) => text.includes('alice@example.com'));
    await until('sign-in in the other window', async () =>
      (await second.statusBarItem(statusItem)).text.includes('alice@example.com'),
    );
  });

  it('work over ten expiries with one renewal for each, whichever window calls', async function () {
    this.timeout(4 * expiries * tokenMs);
    const { editor, issuer } = ground;
    whoami = await ground.start('tickets', 'whoami');
    await ground.start('tickets', 'whoami', second);
    const before = ground.refreshedAtMs().length;
    while (ground.refreshedAtMs().length - before < expiries) {
      const answers = await Promise.all([editor.invokeTool(whoami), second.invokeTool(whoami)]);
      assert.deepEqual(answers, Array(2).fill('alice@example.com (Alice)'));
    }
    const atMs = ground.refreshedAtMs();
    const gapsMs = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0));
    assert.ok(Math.min(...gapsMs) > 0.7 * tokenMs, `renewals only ${Math.min(...gapsMs)} ms apart`);
    assert.equal(issuer.counts().refusedRefreshes, 0);
    assert.equal(issuer.counts().signIns, 1);
  });

  it('find the sign-in again after both were closed, and ask nobody', async () => {
    ground.editor = await ground.editor.reopen();
    const { editor, issuer } = ground;
    assert.equal(
      await editor.invokeTool(await ground.tool('tickets', 'whoami')),
      'alice@example.com (Alice)',
    );
    assert.equal(issuer.counts().refusedRefreshes, 0);
    assert.equal(issuer.counts().signIns, 1);
    assert.deepEqual(await editor.notifications(), []);
    assert.deepEqual([editor.openedPages.length, editor.everyDialog()], [0, []]);
  });
});
