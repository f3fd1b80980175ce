import assert from 'node:assert/strict';
import { publicClient, serversSetting, useGround } from '../support/ground.js';

describe('a sign-in that is given up before the browser is open', () => {
  const ground = useGround();

  it('opens no browser any more', async () => {
    const issuer = await ground.issuer({
      clients: [publicClient('refresh_token')],
    });
    const server = await ground.server(issuer);
    const asked = withResolvers();
    const gate = withResolvers();
    const { window } = ground.window({
      // Without a registration nothing is sent between the metadata and the browser.
      user: serversSetting([server], { tickets: { auth: { clientId: 'ours' } } }),
      fetch: async (url, init) => {
        if (url.includes('/.well-known/oauth-authorization-server')) {
          asked.resolve();
          await gate.promise;
        }
        return fetch(url, init);
      },
    });
    await window.ready;
    const signingIn = window.run('signIn');
    await asked.promise;
    window.editor.settings.set('user', 'mcpCredentials.servers', {});
    gate.resolve();
    await signingIn;
    assert.deepEqual(window.editor.visits, []);
    assert.equal(issuer.counts().authorizationRequests, 0);
  });
});

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
