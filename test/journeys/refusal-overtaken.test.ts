import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';

describe('a refusal that a sign-in has overtaken', () => {
  const ground = useGround();

  it('removes nothing: what was refused is not what is stored any more', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    let refuse: () => void = () => undefined;
    const isTime = new Promise<void>((resolve) => {
      refuse = resolve;
    });
    let isAsked = false;
    const { window } = ground.window({
      user: serversSetting([server]),
      fetch: async (url, init) => {
        if (
          url !== issuer.tokenEndpoint ||
          new URLSearchParams(init.body as URLSearchParams).get('grant_type') !== 'refresh_token'
        ) {
          return fetch(url, init);
        }
        isAsked = true;
        await isTime;
        return Response.json({ error: 'invalid_grant' }, { status: 400 });
      },
    });
    await window.signIn();
    const { call } = await window.connect('tickets');
    window.clock.leap(55_000);
    await until(() => isAsked);
    const waiting = call('whoami');
    const startedAtMs = Date.now();
    // The renewal has its turn; the sign-in comes next, and replaces what the refusal left behind.
    const signedIn = window.signIn(/Again as alice/);
    await issuer.occurrence(({ kind, atMs }) => kind === 'code-exchanged' && atMs >= startedAtMs);
    refuse();
    await signedIn;
    assert.equal(await waiting, 'alice@example.com (Alice)');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.match(window.editor.statusBar?.text ?? '', /^\$\(key\) alice/);
    const [key = ''] = window.stores.credentialKeys;
    assert.match(window.stores.secrets.values.get(key) ?? '', /"kind":"alive"/);
  });
});
