import assert from 'node:assert/strict';
import { googleScope } from '../../src/google/services.js';
import type { BrokerWindow } from '../support/broker-window.js';
import { FormBrowser } from '../support/form-browser.js';
import { addClient } from '../support/google/client-download.js';
import { clientFile, googleClient, type GoogleClient } from '../support/google/google-clients.js';
import { at, googleWorld } from '../support/google/google-journeys.js';
import { alice, bob, carol } from '../support/google/google-users.js';
import { useGround } from '../support/ground.js';

const modify = googleScope('gmail.modify');

const bring = (window: BrokerWindow, client: GoogleClient, who?: string) =>
  addClient(window, clientFile(client), who);

const asked = (visited: readonly string[]) => new URL(visited[0] ?? '').searchParams;

describe('the rule which Google client is whose', () => {
  const ground = useGround();
  const [ours, theirs] = [googleClient(), googleClient()];

  async function world() {
    const { hosted, window: open, google } = await googleWorld(ground, ours, theirs, eve);
    const mail = await hosted('gmail', [modify]);
    return { google, hosted, mail, open };
  }
  const eve = {
    subject: '100000000000000000001',
    name: 'bob@example.com',
    email: 'boss@example.org',
    password: 'boss@example.org',
    isUnverified: true,
  } as const;

  it('is asked for in the state of a server for which none fits, and in no other', async () => {
    const { mail, open } = await world();
    const pinned = { server: mail, auth: { account: bob.email } };
    const { window } = await open({ gmail: pinned });
    await window.ready;
    const states = async () => {
      await window.run('showStatus', /Open Settings/);
      return JSON.stringify(window.editor.window.picks.at(-1)?.items);
    };
    const lacking = /none of your Google clients is for it; run “MCP Credentials: Add Google Client…”/;
    assert.match(await states(), lacking);
    await bring(window, ours, alice.email);
    assert.match(await states(), lacking);
    await bring(window, theirs, '@example.com');
    assert.doesNotMatch(await states(), lacking);
  });

  it('counts for whoever comes back, with one more round by the right client', async () => {
    const { mail, open } = await world();
    const { window } = await open({ gmail: { server: mail } }, { user: at(bob) });
    await window.ready;
    await bring(window, ours);
    await bring(window, theirs, bob.email);
    await window.signIn();
    const [first, second, ...more] = await Promise.all(window.editor.visits);
    assert.deepEqual(more, []);
    assert.equal(asked(first?.visited ?? []).get('client_id'), ours.id);
    assert.match(first?.text ?? '', /asks bob@example\.com once more about “gmail”, in another tab/);
    assert.equal(asked(second?.visited ?? []).get('client_id'), theirs.id);
    assert.equal(asked(second?.visited ?? []).get('login_hint'), bob.email);
    const [key = '', ...others] = window.stores.credentialKeys;
    assert.deepEqual(others, []);
    assert.ok(key.includes(theirs.id), 'Nothing is kept under the wrong client.');
    assert.ok(!window.stores.auditLines.join().includes(ours.id));
    assert.match(await (await window.connect('gmail')).call('whoami'), /bob@example\.com/);
  });

  it('sends whoever may come to the client for everybody, and to that of the only known account where there is none', async () => {
    const { hosted, mail, open } = await world();
    const [drive, tasks] = [
      await hosted('drive', [googleScope('drive')]),
      await hosted('tasks', [googleScope('tasks')]),
    ];
    const { window, browser } = await open({
      gmail: { server: mail, auth: { account: alice.email } },
      drive: { server: drive },
      tasks: { server: tasks },
    });
    await window.ready;
    await bring(window, theirs, '@example.com');
    browser.user = at(alice);
    await window.signIn(/gmail/);
    const likely = await window.signIn(/drive/);
    assert.equal(asked(likely.visited).get('client_id'), theirs.id);
    await bring(window, ours);
    browser.user = at(carol);
    const anybody = await window.signIn(/tasks/);
    assert.equal(asked(anybody.visited).get('client_id'), ours.id);
    assert.match(await (await window.connect('tasks')).call('whoami'), /carol@gmail\.com/);
  });

  it('refuses whoever comes back and has none, and keeps nothing of theirs', async () => {
    const { mail, open } = await world();
    const browser = new FormBrowser(at({ email: 'carol@gmail.com' }));
    const opened: BrokerWindow[] = [];
    const browse = async (url: string) => {
      // By the time they come back, the client is for others.
      for (const window of opened) await bring(window, ours, '@example.com');
      return browser.open(url);
    };
    const { window } = await open({ gmail: { server: mail } }, { browse });
    await window.ready;
    await bring(window, ours);
    opened.push(window);
    const signIn = window.run('signIn');
    const told = /None of your Google clients is for carol@gmail\.com.*Add Google Client/;
    (await window.editor.window.message(told)).close();
    await signIn;
    assert.match((await window.editor.visits[0])?.text ?? '', told);
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('refuses somebody of another domain than `hd` asked for', async () => {
    const { mail, open } = await world();
    const auth = { account: alice.email };
    const { window } = await open(
      { gmail: { server: mail, auth } },
      { user: at({ email: 'carol@gmail.com' }) },
    );
    await window.ready;
    await bring(window, ours, '@example.com');
    const signIn = window.run('signIn');
    (await window.editor.window.message(/You signed in as carol@gmail\.com, but “gmail” uses alice/)).close();
    await signIn;
    assert.equal(asked((await window.editor.visits[0])?.visited ?? []).get('hd'), 'example.com');
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('looks at no name and at no address that Google has not verified', async () => {
    const { mail, open } = await world();
    const { window } = await open({ gmail: { server: mail } }, { user: at(eve) });
    await window.ready;
    await bring(window, ours);
    await bring(window, theirs, 'example.org');
    await bring(window, theirs, 'bob@example.com, example.org');
    await window.signIn();
    assert.equal(window.editor.visits.length, 1);
    const [key = ''] = window.stores.credentialKeys;
    assert.ok(key.includes(ours.id));
    assert.match(window.editor.statusBar?.text ?? '', /100000000000000000001/);
  });

  it('takes nobody for the account that is asked for by an address that is not verified', async () => {
    const { mail, open } = await world();
    const { window } = await open(
      { gmail: { server: mail, auth: { account: eve.email } } },
      { user: at(eve) },
    );
    await window.ready;
    const signIn = window.run('signIn');
    (await window.editor.window.message(/signed in as 100000000000000000001, but “gmail” uses boss/)).close();
    await signIn;
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('lets a sign-in go on that was made with the client of before, and asks with the new one', async () => {
    const { google, mail, open } = await world();
    const { window } = await open({ gmail: { server: mail } });
    await window.ready;
    await bring(window, ours);
    await window.signIn();
    await bring(window, theirs, '@example.com');
    window.clock.leap(7_200_000);
    google.advanceClock(7_200_000);
    const { call } = await window.connect('gmail');
    assert.match(await call('whoami'), /alice@example\.com/);
    const visit = await window.signIn(/Again as/);
    assert.equal(asked(visit.visited).get('client_id'), theirs.id);
    assert.equal(asked(visit.visited).get('hd'), 'example.com');
    assert.match(await call('whoami'), /alice@example\.com/);
    const [key = '', ...others] = window.stores.credentialKeys;
    assert.ok(key.includes(theirs.id));
    assert.deepEqual(others, []);
  });
});
