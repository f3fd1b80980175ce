import assert from 'node:assert/strict';
import { serversSetting, useGround, userOf } from '../support/ground.js';

describe('the definitions', () => {
  const ground = useGround();

  it('are equal from call to call and over a renewal, and hold no token', async () => {
    const { issuer, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    const before = JSON.stringify(await window.editor.definitions());
    const changes = window.editor.definitionChanges;
    window.clock.leap(55_000);
    await call('whoami');
    assert.equal(issuer.counts().refreshes, 1);
    assert.equal(JSON.stringify(await window.editor.definitions()), before);
    assert.equal(window.editor.definitionChanges, changes, 'A renewal is no news.');
    for (const secret of issuer.issuedSecrets) assert.ok(!before.includes(secret));
  });

  it('are new objects each time, and so is what is resolved', async () => {
    const { window } = await ground.signedIn();
    const [first] = await window.editor.definitions();
    const [second] = await window.editor.definitions();
    assert.notEqual(first, second);
    assert.notEqual(first?.headers, second?.headers);
    const resolved = await window.editor.resolve('tickets');
    assert.notEqual(resolved, second);
    assert.deepEqual(resolved, second);
  });

  it('change with the account and with the servers, and with nothing else', async () => {
    const issuer = await ground.issuer();
    const [server, wiki] = [await ground.server(issuer), await ground.server(issuer, { name: 'wiki' })];
    const { window, browser } = ground.window({ user: serversSetting([server]) });
    const changesBy = async (act: () => unknown) => {
      await window.editor.definitions();
      const before = window.editor.definitionChanges;
      await act();
      await window.editor.definitions();
      return window.editor.definitionChanges - before;
    };
    await window.ready;
    assert.equal(await changesBy(() => window.signIn()), 1, 'somebody signs in');
    assert.equal(await changesBy(() => window.signIn(/Again as alice/)), 0, 'the same account again');
    browser.user = userOf('bob');
    assert.equal(await changesBy(() => window.signIn(/Another Account/)), 1, 'another account');
    assert.equal(await changesBy(() => window.run('refreshNow')), 0, 'a new token');
    assert.equal(
      await changesBy(() => window.editor.settings.set('user', 'mcpCredentials.signInWaitSeconds', 5)),
      0,
      'another setting',
    );
    assert.equal(
      await changesBy(async () => {
        window.editor.settings.set(
          'user',
          'mcpCredentials.servers',
          serversSetting([server, wiki])['mcpCredentials.servers'],
        );
        await new Promise((resolve) => setImmediate(resolve));
      }),
      1,
      'another server',
    );
    assert.equal(
      await changesBy(async () => {
        await window.run('signOut');
        (await window.editor.window.message(/Signed out bob/)).close();
      }),
      1,
      'signed out',
    );
  });
});
