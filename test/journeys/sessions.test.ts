import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stores } from '../support/broker-window.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';

describe('what is remembered of sessions and bindings', () => {
  const ground = useGround();

  it('is in files of the profile, without tokens and without session ids', async () => {
    const { issuer, window } = await ground.signedIn();
    const { transport } = await window.connect('tickets');
    const sessionId = transport.sessionId ?? '';
    await window.close();
    const { ledgerText } = window.stores;
    assert.equal(
      ledgerText.match(/alice@example\.com/g)?.length,
      3,
      'A binding, when it was reached, a session.',
    );
    assert.ok(sessionId.length > 10 && !ledgerText.includes(sessionId));
    for (const secret of issuer.issuedSecrets) assert.ok(!ledgerText.includes(secret));
    assert.deepEqual(
      window.stores.memento
        .keys()
        .map((key) => key.split(':')[0])
        .sort(),
      ['credential', 'registration'],
      'Which of them there are; what they hold is in the secret storage.',
    );
  });

  it('is one profile’s own', async () => {
    const { server, window } = await ground.signedIn();
    await window.close();
    const other = ground.window({ user: serversSetting([server]) }).window;
    assert.match((await other.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('is in memory when files cannot be had: calls go on, and no session changes its account', async () => {
    const stores = new Stores();
    for (const name of ['sessions', 'bindings']) writeFileSync(join(stores.folder, name), '');
    const { window, browser } = await ground.signedIn({ window: { stores } });
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    await assert.rejects(call('whoami'), { status: 404 });
    assert.match(window.log(/The sessions cannot be read/) ?? '', /^warn /);
  });
});
