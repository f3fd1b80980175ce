import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { useGround } from '../support/ground.js';

const pastTheEndMs = 55_000;

describe('a call that its client does not want any more while it waits', () => {
  const ground = useGround();

  async function waitingForSignIn() {
    const { issuer, server, window } = await ground.signedIn();
    const { client, call } = await window.connect('tickets');
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    const notice = () => window.editor.window.message(/waits for you to sign in again/);
    return { server, window, client, call, notice };
  }
  const note = (text: string) => ({ name: 'note', arguments: { text } });

  it('is not made after the sign-in when it was stopped', async () => {
    const { server, window, client, call, notice } = await waitingForSignIn();
    const stop = new AbortController();
    const calling = client.callTool(note('stopped'), { signal: stop.signal });
    const notification = await notice();
    await window.waiting(1);
    const next = call('whoami');
    await window.waiting(2);
    stop.abort('The user pressed Stop.');
    await assert.rejects(calling);
    await window.waiting(1);
    notification.press('Sign In');
    assert.equal(await next, 'alice@example.com (Alice)');
    assert.deepEqual(server.notes, []);
  });

  it('is made once when it timed out and was tried again', async () => {
    const { server, window, client, call, notice } = await waitingForSignIn();
    // The one that asks the user has no hurry: it may take longer than the patience of the other.
    const first = call('whoami');
    const notification = await notice();
    await window.waiting(1);
    await assert.rejects(client.callTool(note('deploy'), { timeout: 200 }), /timed out/i);
    await window.waiting(1);
    const again = call('note', { text: 'deploy' });
    await window.waiting(2);
    notification.press('Sign In');
    assert.equal(await again, 'deploy');
    assert.equal(await first, 'alice@example.com (Alice)');
    assert.equal(server.notes.length, 1);
  });

  it('is not made when a rule’s question about it is answered after that', async () => {
    const { server, window } = await ground.signedIn();
    const rules = { 'tools/note': 'ask' };
    const servers = { tickets: { type: 'http', url: server.url, rules } };
    window.editor.settings.set('user', 'mcpCredentials.servers', servers);
    await window.offers('tickets');
    const { client, call } = await window.connect('tickets');
    const stop = new AbortController();
    const calling = client.callTool(note('stopped'), { signal: stop.signal });
    const question = await window.editor.window.message(/Run the tool/);
    const { length: flashes } = window.editor.window.flashes;
    stop.abort('The user pressed Stop.');
    await assert.rejects(calling);
    await window.waiting(0);
    question.press('Allow');
    await until(() => window.editor.window.flashes.length > flashes);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.deepEqual(server.notes, []);
  });
});
