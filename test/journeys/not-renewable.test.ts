import assert from 'node:assert/strict';
import { publicClient, serversSetting, useGround } from '../support/ground.js';

describe('a server that refuses a token which cannot be renewed', () => {
  const ground = useGround();

  it('leads to one notification, and the call goes on after the sign-in', async () => {
    const issuer = await ground.issuer({
      clients: [publicClient()],
    });
    const server = await ground.server(issuer);
    const { window } = ground.window({
      user: serversSetting([server], { tickets: { auth: { clientId: 'ours' } } }),
    });
    await window.signIn();
    const { call } = await window.connect('tickets');
    server.deny(401);

    const waiting = call('whoami');
    const notice = await window.editor.window.message(
      /alice@example\.com has ended.*waits for you to sign in again/,
    );
    assert.equal(window.editor.statusBar?.backgroundColor?.id, 'statusBarItem.warningBackground');
    assert.equal(window.stores.credentialKeys.length, 1);
    notice.press('Sign In');
    assert.equal(await waiting, 'alice@example.com (Alice)');
    assert.equal(window.editor.window.messages.length, 1);
  });
});
