import assert from 'node:assert/strict';
import { serversSetting, useGround } from '../support/ground.js';
import { until } from '../support/broker-window.js';

describe('without a click by the user', () => {
  const ground = useGround();

  it('a start, a silent start of a server, and an exit open no browser and show nothing modal', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]), browse: undefined });
    await window.ready;
    await window.editor.definitions();
    assert.equal(window.editor.window.messages.length, 0, 'A start says nothing.');
    await assert.rejects(window.editor.resolve('tickets'), /Nobody is signed in/);
    const notice = await window.editor.window.message(/needs you to sign in/);
    notice.close();
    await window.close();
    assert.deepEqual([window.editor.opened, issuer.events], [[], []]);
  });

  it('a reload with a dead sign-in says nothing until something is called', async () => {
    const { issuer, server, window } = await ground.signedIn();
    await window.connect('tickets');
    issuer.revokeGrants('alice');
    window.clock.leap(55_000);
    await window.editor.window.message(/waits for you/);
    await window.close();
    const again = ground.again(window, server);
    await again.ready;
    await until(() => again.editor.statusBar !== undefined);
    again.clock.leap(3_600_000);
    assert.match(again.editor.statusBar?.text ?? '', /^\$\(warning\)/);
    assert.equal(again.editor.window.messages.length, 0);
  });

  it('a sign-in that is open when the window closes ends without a word', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    let sentOff: () => void = () => undefined;
    const isSentOff = new Promise<void>((resolve) => {
      sentOff = resolve;
    });
    const { window } = ground.window({
      user: serversSetting([server]),
      browse: () => {
        sentOff();
        return new Promise(() => undefined);
      },
    });
    await window.ready;
    const run = window.run('signIn');
    await isSentOff;
    await window.close();
    await run;
    assert.equal(window.editor.window.messages.length, 0);
  });

  it('a call that waits when the window closes ends without a browser', async () => {
    const { issuer, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    issuer.revokeGrants('alice');
    window.clock.leap(55_000);
    const ended = assert.rejects(call('whoami'));
    await window.editor.window.message(/waits for you/);
    await window.waiting(1);
    await window.close();
    await ended;
    assert.equal(window.editor.opened.length, 1);
  });

  it('a damaged store, an issuer that is down and a full disk open nothing', async () => {
    const { issuer, server, window } = await ground.signedIn();
    await window.close();
    window.stores.loseJournal();
    issuer.failNext('token', { status: 503 });
    for (const key of window.stores.memento.keys()) await window.stores.memento.update(key, 'nonsense');
    window.stores.globalState.failNext(2);
    const again = ground.again(window, server);
    await again.ready;
    assert.match((await again.definition('tickets')).version ?? '', /^signed-out /);
    assert.equal(again.editor.window.messages.length, 0);
  });
});
