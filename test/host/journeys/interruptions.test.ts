import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';

describe('a sign-in that is interrupted', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} });
    await ground.signIn(alice);
    await ground.start('tickets', 'whoami');
  });
  after(() => ground.stop());

  const asksNobody = async () => {
    const { editor, issuer } = ground;
    assert.deepEqual([issuer.counts().signIns, issuer.counts().refusedRefreshes], [1, 0]);
    assert.deepEqual(await editor.notifications(), []);
    assert.deepEqual(editor.everyDialog(), []);
  };

  it('outlives a reload in the middle of a renewal', async () => {
    const { editor, gate } = ground;
    gate.close();
    await until('renewal under way', () => gate.waiting > 0);
    const renewals = ground.refreshedAtMs().length;
    const reloaded = editor.reload();
    await editor.page.waitForEvent('framenavigated');
    gate.open();
    await reloaded;
    assert.ok(ground.refreshedAtMs().length > renewals);
    assert.match(await editor.invokeTool(await ground.tool('tickets', 'whoami')), /^alice@example\.com/);
    await asksNobody();
  });
});
