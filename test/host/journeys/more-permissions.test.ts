import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';

describe('a tool that needs more permissions than were granted', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} }, { servers: { toolScopes: { whoami: ['mcp:write'] } } });
    await ground.signIn(alice);
  });
  after(() => ground.stop());

  const whoami = async () => ground.editor.invokeTool(await ground.start('tickets', 'whoami'));

  it('asks for them in one notification; the call waits, and then completes', async () => {
    const { editor, issuer } = ground;
    const answer = whoami();
    const { text, buttons } = await editor.notification('needs more permissions');
    assert.equal(text, 'The MCP server “tickets” needs more permissions of alice@example.com: "mcp:write".');
    assert.deepEqual(buttons, ['Allow…']);
    await editor.screenshot('more-permissions');
    await editor.clickNotification('needs more permissions', 'Allow…');
    assert.match(await ground.finishSignIn(alice), /You are signed in/);
    assert.equal(await answer, 'alice@example.com (Alice)');
    assert.equal(issuer.counts().authorizationRequests, 2);
  });

  it('does not ask again, and opens nothing', async () => {
    const { editor, issuer } = ground;
    assert.equal(await whoami(), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().authorizationRequests, 2);
    assert.deepEqual(await editor.notifications(), []);
    assert.deepEqual(editor.everyDialog(), []);
  });
});
