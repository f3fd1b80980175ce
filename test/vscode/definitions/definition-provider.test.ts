import assert from 'node:assert/strict';
import { until } from '../../support/broker-window.js';
import { serversSetting, useGround } from '../../support/ground.js';

/** The provider's daily life is in test/journeys/definitions.test.ts; here is what seldom happens. */
describe('the definition provider', () => {
  const ground = useGround();

  it('gives the editor an answer in time, although the issuer hangs: it offers no way to cancel', async () => {
    const { issuer, server, window } = await ground.signedIn();
    await window.close();
    issuer.failNext('token', 'hang');
    const again = ground.window({
      stores: window.stores,
      user: serversSetting([server]),
      browse: undefined,
    }).window;
    again.clock.leap(120_000);
    await again.ready;
    let isSettled = false;
    const resolved = assert.rejects(again.editor.resolve('tickets'), /does not answer/).finally(() => {
      isSettled = true;
    });
    await until(() => {
      again.clock.leap(1_000);
      return isSettled;
    });
    await resolved;
    await issuer.close();
  });

  it('throws a text without secrets for a server that has left the settings', async () => {
    const { window } = await ground.signedIn();
    const [definition] = await window.editor.definitions();
    assert.ok(definition !== undefined);
    window.editor.settings.set('user', 'mcpCredentials.servers', {});
    await assert.rejects(window.editor.resolve('tickets'), {
      message: 'There is no MCP server “tickets” in the setting “mcpCredentials.servers”.',
    });
  });

  it('gives a server another version with another address, so that no session goes on there', async () => {
    const { server, window } = await ground.signedIn();
    const { version, url } = await window.definition('tickets');
    const changes = window.editor.definitionChanges;
    const servers = { tickets: { type: 'http', url: `${server.url}?tenant=2` } };
    window.editor.settings.set('user', 'mcpCredentials.servers', servers);
    await until(() => window.editor.definitionChanges > changes);
    const after = await window.definition('tickets');
    assert.equal(after.url, url);
    assert.notEqual(after.version, version);
  });

  it('restores what a caller has done to a definition', async () => {
    const { window } = await ground.signedIn();
    const [definition] = await window.editor.definitions();
    if (definition !== undefined) definition.headers['Authorization'] = 'Bearer changed';
    const resolved = await window.editor.resolve('tickets');
    assert.notEqual(resolved.headers['Authorization'], 'Bearer changed');
  });
});
