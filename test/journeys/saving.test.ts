import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { useGround } from '../support/ground.js';

const pastTheEndMs = 55_000;

describe('a rotated refresh token', () => {
  const ground = useGround();

  it('is saved before the access token beside it is used', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    const before = server.requests.length;
    const release = window.stores.secrets.hold('store');
    const asked = window.stores.secrets.asked.length;
    window.clock.leap(pastTheEndMs);
    const answer = call('whoami');
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    await until(() => window.stores.secrets.asked.slice(asked).some(([operation]) => operation === 'store'));
    assert.equal(server.requests.length, before, 'The new token is not used before it is saved.');
    release();
    assert.equal(await answer, 'alice@example.com (Alice)');
  });

  it('is saved although the window closes meanwhile', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const release = window.stores.secrets.hold('store');
    const asked = window.stores.secrets.asked.length;
    window.clock.leap(pastTheEndMs);
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    await until(() => window.stores.secrets.asked.slice(asked).some(([operation]) => operation === 'store'));
    const closed = window.close();
    release();
    await closed;

    const again = ground.again(window, server);
    again.clock.leap(4 * pastTheEndMs);
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.deepEqual([issuer.counts().refreshes, issuer.counts().refusedRefreshes], [2, 0]);
  });

  it('survives a store that fails twice, also when the window closes meanwhile', async () => {
    const { issuer, server, window } = await ground.signedIn();
    window.clock.leap(pastTheEndMs);
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    window.stores.breakJournal();
    window.stores.secrets.failNext('store', 2);
    await until(() => window.log(/Saving a renewed credential failed/) !== undefined);
    await window.close();

    const again = ground.again(window, server);
    again.clock.leap(4 * pastTheEndMs);
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refusedRefreshes, 0);
  });

  it('is used from memory when the store fails for good, and saved with the next one', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    window.clock.leap(pastTheEndMs);
    const answer = call('whoami');
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    window.stores.breakJournal();
    window.stores.secrets.failNext('store', 4);
    const failures = () =>
      window.editor.window.logLines.filter((line) => /Saving .* failed/.test(line)).length;
    for (const [earlier, delayMs] of [200, 1_000, 3_000].entries()) {
      await until(() => failures() > earlier);
      window.clock.leap(delayMs);
    }
    assert.equal(await answer, 'alice@example.com (Alice)');
    assert.match(window.log(/only in this window's memory/) ?? '', /^error /);

    window.clock.leap(pastTheEndMs);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    await window.close();
    const again = ground.again(window, server);
    again.clock.leap(4 * pastTheEndMs);
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refusedRefreshes, 0);
  });

  it('whose answer was lost on the way is asked for again, and only the issuer’s refusal ends the sign-in', async () => {
    const { issuer, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    issuer.failNext('token', 'lostAnswer');
    window.clock.leap(pastTheEndMs);
    assert.match(await call('whoami'), /^isError: .*does not answer\. The sign-in is kept/);
    assert.equal(window.stores.credentialKeys.length, 1);

    // The spent token is presented once more, which the issuer takes for theft: it ends the grant.
    window.clock.leap(10_000);
    const notice = await window.editor.window.message(/alice@example\.com .* waits for you to sign in again/);
    const answer = call('whoami');
    notice.press('Sign In');
    assert.equal(await answer, 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refusedRefreshes, 1);
  });

  it('and one grant serve two servers of one resource with one refresh', async () => {
    const { issuer, server, window } = await ground.signedIn();
    window.editor.settings.set('user', 'mcpCredentials.servers', {
      tickets: { type: 'http', url: server.url },
      same: { type: 'http', url: server.url },
    });
    const [one, other] = [await window.connect('tickets'), await window.connect('same')];
    window.clock.leap(pastTheEndMs);
    assert.deepEqual(await Promise.all([one.call('whoami'), other.call('whoami')]), [
      'alice@example.com (Alice)',
      'alice@example.com (Alice)',
    ]);
    assert.deepEqual([issuer.counts().refreshes, issuer.counts().signIns], [1, 1]);
  });
});
