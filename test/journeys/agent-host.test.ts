import assert from 'node:assert/strict';
import type { BrokerWindow } from '../support/broker-window.js';
import { Child } from '../support/child-process.js';
import { useGround } from '../support/ground.js';

/**
 * Agents of an agent host (Copilot CLI, Claude, Codex) are processes of their own. They take what
 * `provideMcpServerDefinitions` returned, url and headers, and nobody resolves it for them.
 */
describe('an agent in another process, which has the provided definition and nothing else', () => {
  const ground = useGround();

  beforeEach(function () {
    this.currentTest?.timeout(60_000);
  });

  async function agentOf(window: BrokerWindow) {
    // Exactly what the editor was given, on its way through JSON as the editor stores it.
    const [stored] = JSON.parse(JSON.stringify(await window.editor.definitions())) as {
      uri: string;
      headers: Record<string, string>;
    }[];
    assert.ok(stored);
    const child = new Child('agent-child');
    ground.atEnd(() => child.kill());
    child.tell(JSON.stringify({ url: stored.uri, headers: stored.headers }));
    return child;
  }

  const alice = 'result "alice@example.com (Alice)"';

  it('works, and gets fresh tokens over expiry and renewal on the one connection', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const agent = await agentOf(window);
    assert.match(await agent.says(/^tools/), /whoami/);
    for (let round = 0; round < 3; round++) {
      const heard = agent.lines.length;
      agent.tell('whoami');
      assert.equal(await agent.says(/^(result|isError|failed)/, heard), alice);
      window.clock.leap(55_000);
    }
    assert.ok(issuer.counts().refreshes >= 2);
    assert.equal(server.sessions.length, 1);
    // A call that comes before its token's end may still get that one.
    const deliveries = window.stores.auditLines.filter((line) => line.includes('"delivery"'));
    assert.ok([2, 3].includes(deliveries.length));
  });

  it('waits for a sign-in when its credential has died, and goes on', async () => {
    const { issuer, window } = await ground.signedIn();
    const agent = await agentOf(window);
    await agent.says(/^tools/);
    issuer.revokeGrants('alice');
    window.clock.leap(55_000);
    const notice = await window.editor.window.message(/waits for you to sign in again/);
    agent.tell('whoami');
    await window.waiting(1);
    notice.press('Sign In');
    assert.equal(await agent.says(/^(result|isError|failed)/), alice);
  });

  it('is told what to do when nobody signs in, in words for its model', async () => {
    const { issuer, window } = await ground.signedIn();
    const agent = await agentOf(window);
    await agent.says(/^tools/);
    issuer.revokeGrants('alice');
    window.clock.leap(55_000);
    await window.editor.window.message(/waits for you to sign in again/);
    agent.tell('whoami');
    await window.waiting(1);
    window.clock.leap(121_000);
    assert.match(await agent.says(/^(result|isError|failed)/), /^isError ".*MCP Credentials: Sign In/);
  });

  it('needs the definition of today: after a reload the one of before opens nothing', async () => {
    const { server, window } = await ground.signedIn();
    const old = await window.definition('tickets');
    await window.close();
    const again = ground.again(window, server);
    await again.ready;
    const child = new Child('agent-child');
    ground.atEnd(() => child.kill());
    child.tell(JSON.stringify({ url: old.url, headers: old.headers }));
    assert.match(await child.says(/^(tools|failed)/), /^failed/);
    const agent = await agentOf(again);
    assert.match(await agent.says(/^(tools|failed)/), /^tools/);
  });
});
