import assert from 'node:assert/strict';
import { serversSetting, useGround, userOf } from '../support/ground.js';

describe('our registration at an authorization server (RFC 7592)', () => {
  const ground = useGround();

  it('is deleted there with the last account that uses it, and made anew by the next sign-in', async () => {
    const issuer = await ground.issuer();
    const servers = [await ground.server(issuer), await ground.server(issuer, { name: 'orders' })];
    const { window, browser } = ground.window({ user: serversSetting(servers) });
    const gone = () => issuer.events.filter(({ kind }) => kind === 'unregistered').length;
    await window.signIn(/tickets/);
    browser.user = userOf('bob');
    await window.signIn(/orders/);
    await window.run('signOut', /tickets/);
    (await window.editor.window.message(/Signed out alice@.*The access was revoked/)).close();
    assert.deepEqual([gone(), issuer.counts().registrations], [0, 1]);
    await window.run('signOut');
    (await window.editor.window.message(/Signed out bob@.*The access was revoked/)).close();
    assert.deepEqual([gone(), issuer.counts().registrations], [1, 1]);
    assert.deepEqual(window.stores.secretNames('client:'), []);
    await window.signIn(/tickets/);
    assert.equal(issuer.counts().registrations, 2);
    for (const secret of issuer.issuedSecrets) assert.ok(!window.remains.includes(secret));
  });

  it('is kept where it cannot be deleted there: the next sign-in uses it', async () => {
    const issuer = await ground.issuer({ registrationManagement: false });
    const { window } = ground.window({ user: serversSetting([await ground.server(issuer)]) });
    await window.signIn();
    await window.run('signOut');
    (await window.editor.window.message(/The access was revoked/)).close();
    await window.signIn();
    assert.equal(issuer.counts().registrations, 1);
  });
});
