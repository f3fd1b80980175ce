import assert from 'node:assert/strict';
import { publicClient, serversSetting, useGround, userOf } from '../support/ground.js';

describe('a first sign-in', () => {
  const ground = useGround();

  it('registers, signs in, says so in the browser, and the tool hears the account', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) });

    const { text, status } = await window.signIn();
    assert.equal(status, 200);
    assert.match(text, /You are signed in/);
    assert.match(text, /alice@example\.com is ready for the MCP server “tickets”/);
    assert.match(text, /You can close this tab/);

    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.deepEqual([issuer.counts().registrations, issuer.counts().codesExchanged], [1, 1]);
    assert.match(window.editor.statusBar?.text ?? '', /^\$\(key\) alice@example\.com/);
  });

  it('uses a configured client and registers none', async () => {
    const issuer = await ground.issuer({
      registration: false,
      clients: [publicClient('refresh_token')],
    });
    const server = await ground.server(issuer);
    const { window } = ground.window({
      user: serversSetting([server], { tickets: { auth: { clientId: 'ours' } } }),
    });

    assert.match((await window.signIn()).text, /You are signed in/);
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.events.find(({ kind }) => kind === 'code-exchanged')?.clientId, 'ours');
    assert.equal(issuer.counts().registrations, 0);
  });

  for (const decision of ['cancel', 'cancel-sign-in'] as const) {
    it(`changes nothing when the user gives up in the browser (${decision}), and names the next step`, async () => {
      const issuer = await ground.issuer();
      const server = await ground.server(issuer);
      const { window, browser } = ground.window(
        { user: serversSetting([server]) },
        userOf('alice', decision),
      );

      const { text } = await window.signIn();
      assert.match(text, /You are not signed in/);
      assert.match(text, /Access was not granted\. Sign in again to allow it\./);
      assert.match(window.editor.statusBar?.text ?? '', /signed out/i);
      assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
      assert.deepEqual(window.stores.credentialKeys, []);

      browser.user = userOf('alice');
      assert.match((await window.signIn()).text, /You are signed in/);
    });
  }
});
