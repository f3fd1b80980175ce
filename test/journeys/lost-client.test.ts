import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';

describe('a client that the issuer no longer knows', () => {
  const ground = useGround();

  it('is registered anew by the sign-in that its refusal asks for', async () => {
    const { issuer, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    issuer.forgetClients();
    window.clock.leap(55_000);
    const notice = await window.editor.window.message(/no longer knows this editor as a client of alice/);
    const answer = call('whoami');
    notice.press('Sign In');
    assert.equal(await answer, 'alice@example.com (Alice)');
    assert.equal(issuer.counts().registrations, 2);
  });

  it('is registered anew after a sign-in from which nobody came back, since the browser was told and we were not', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) });
    await window.signIn();
    issuer.forgetClients();

    const run = window.run('signIn', /With Another Account/);
    await until(() => window.editor.visits.length === 2);
    const lost = await window.editor.visits[1];
    assert.match(lost?.text ?? '', /invalid_client/);
    window.clock.leap(40_000);
    (await window.editor.window.message(/Having trouble\?/)).close();
    window.clock.leap(261_000);
    const failure = await window.editor.window.message(/Nobody finished the sign-in in the browser/);
    failure.press('Try Again');
    await run;
    assert.match((await window.editor.visits[2])?.text ?? '', /You are signed in/);
  });
});
