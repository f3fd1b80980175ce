import assert from 'node:assert/strict';
import { serversSetting, useGround } from '../support/ground.js';

const pastTheEndMs = 55_000;

describe('a server that moves while a call to it waits for the user', () => {
  const ground = useGround();

  it('never gets the token of the address it moved to', async () => {
    const { issuer, server: old, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    const waiting = call('whoami').catch((error: unknown) => String(error));
    const notice = await window.editor.window.message(/waits for you to sign in again/);
    await window.waiting(1);

    const moved = await ground.server(issuer, { name: 'tickets' });
    const { 'mcpCredentials.servers': servers } = serversSetting([moved]);
    const before = old.requests.length;
    window.editor.settings.set('user', 'mcpCredentials.servers', servers);
    notice.close();
    await window.signIn();

    assert.match(await waiting, /publishes metadata for another resource/);
    assert.deepEqual(old.requests.slice(before), []);
  });
});
