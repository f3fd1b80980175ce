import assert from 'node:assert/strict';
import { FormBrowser } from '../support/form-browser.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';

const pastTheEndMs = 55_000;

describe('two accounts at one issuer', () => {
  const ground = useGround();

  it('each speak for their own server, before and after their tokens are renewed', async () => {
    const issuer = await ground.issuer();
    const [work, home] = [
      await ground.server(issuer, { name: 'work' }),
      await ground.server(issuer, { name: 'home' }),
    ];
    const { window, browser } = ground.window({
      user: serversSetting([work, home], {
        work: { auth: { account: 'alice@example.com' } },
        home: { auth: { account: 'bob@example.com' } },
      }),
    });
    assert.match(
      (await window.signIn(/^work$/)).text,
      /alice@example\.com is ready for the MCP server “work”/,
    );
    browser.user = userOf('bob');
    assert.match((await window.signIn(/^home$/)).text, /bob@example\.com is ready for the MCP server “home”/);

    const [atWork, atHome] = [await window.connect('work'), await window.connect('home')];
    for (let expiry = 0; expiry < 2; expiry++) {
      assert.equal(await atWork.call('whoami'), 'alice@example.com (Alice)');
      assert.equal(await atHome.call('whoami'), 'bob@example.com (Bob)');
      window.clock.leap(pastTheEndMs);
    }
    assert.deepEqual([work.sessions.length, home.sessions.length], [1, 1]);
    assert.match(window.editor.statusBar?.text ?? '', /2 accounts/);
  });

  it('can both be signed in for one server, one after the other, without a menu of passwords', async () => {
    const { window, browser } = await ground.signedIn();
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    browser.user = userOf('alice');
    await window.signIn(/Another Account/);
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
  });
});

describe('somebody else than the account that was asked for', () => {
  const ground = useGround();

  it('is refused with both names and the next step, and nothing is stored', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window(
      { user: serversSetting([server], { tickets: { auth: { account: 'alice@example.com' } } }) },
      userOf('bob'),
    );
    await window.ready;
    const run = window.run('signIn');
    const failure = await window.editor.window.message(
      /You signed in as bob@example\.com, but “tickets” uses alice@example\.com\. Sign in again as alice/,
    );
    failure.close();
    await run;
    assert.match(
      (await window.editor.visits[0])?.text ?? '',
      /You are not signed in[\s\S]*bob@example\.com, but/,
    );
    assert.deepEqual(window.stores.credentialKeys, []);
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('is refused when a dead sign-in is to be renewed, which stays as it was', async () => {
    const { issuer, window } = await ground.signedIn();
    await window.connect('tickets');
    const before = await window.definition('tickets');
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    // Another browser, in which nobody is signed in yet.
    const browser = new FormBrowser(userOf('bob'));
    window.editor.browse = (url) => browser.open(url);
    (await window.editor.window.message(/waits for you to sign in again/)).press('Sign In');
    (await window.editor.window.message(/You signed in as bob@example\.com/)).close();
    assert.deepEqual(await window.definition('tickets'), before);
    assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
    assert.equal(window.stores.credentialKeys.length, 1);
  });
});

describe('a session', () => {
  const ground = useGround();

  it('never changes its account: after a sign-in as somebody else it is over, and the next is theirs', async () => {
    const { server, window, browser } = await ground.signedIn();
    const old = await window.connect('tickets');
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);

    await assert.rejects(old.call('whoami'), { status: 404 });
    const fresh = await window.connect('tickets');
    assert.equal(await fresh.call('whoami'), 'bob@example.com (Bob)');
    assert.deepEqual(
      server.sessions.map(({ subject }) => subject),
      ['alice', 'bob'],
    );
    const strangers = server.requests.filter(({ refusal }) => refusal === 'sessionSubjectChanged');
    assert.deepEqual(strangers, []);
  });

  it('does not go on as somebody else who signs in while it waits', async () => {
    const { issuer, server, window, browser } = await ground.signedIn();
    const old = await window.connect('tickets');
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    const waiting = assert.rejects(old.call('whoami'), { status: 404 });
    await window.editor.window.message(/waits for you/);
    await window.waiting(1);
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    await waiting;
    assert.deepEqual(
      server.requests.filter(({ subject }) => subject === 'bob'),
      [],
    );
  });
});

describe('signing out', () => {
  const ground = useGround();

  it('revokes the grant, forgets the secret, and asks nobody to sign in again', async () => {
    const { issuer, window } = await ground.signedIn();
    const { transport } = await window.connect('tickets');
    await window.run('signOut');
    const notice = await window.editor.window.message(
      /Signed out alice@example\.com of “tickets”\. The access was revoked/,
    );
    notice.close();
    assert.equal(issuer.counts().revocations, 1);
    assert.deepEqual(window.stores.credentialKeys, []);
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
    // What the editor does with the sessions of a definition that has changed.
    await transport.terminateSession();
  });

  it('signs out here although the issuer does not answer, and says so', async () => {
    const { issuer, window } = await ground.signedIn();
    issuer.failNext('revocation', 'reset');
    await window.run('signOut');
    (
      await window.editor.window.message(/on this computer\. The authorization server could not be told/)
    ).close();
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('outlasts a reload: nobody is signed in again silently', async () => {
    const { server, window, browser, issuer } = await ground.signedIn();
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    await window.run('signOut');
    (await window.editor.window.message(/Signed out bob/)).close();
    await window.close();
    const again = ground.window({ stores: window.stores, user: serversSetting([server]) }).window;
    assert.match((await again.definition('tickets')).version ?? '', /^signed-out /);
    assert.equal(issuer.counts('alice').revocations, 0);
  });
});
