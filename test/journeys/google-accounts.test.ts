import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { googleScope } from '../../src/google/services.js';
import { until } from '../support/broker-window.js';
import type { Visit } from '../support/form-browser.js';
import { googleClient, type GoogleClient } from '../support/google/google-clients.js';
import { at, googleServers, googleWorld } from '../support/google/google-journeys.js';
import { alice, bob, carol } from '../support/google/google-users.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { useGround } from '../support/ground.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

describe('servers of Google’s world', () => {
  const ground = useGround();
  const [read, modify, drive] = ['gmail.readonly', 'gmail.modify', 'drive'].map(googleScope) as [
    string,
    string,
    string,
  ];

  const world = (client?: GoogleClient) => googleWorld(ground, client);

  const asked = (visited: readonly string[]) => new URL(visited[0] ?? '').searchParams;

  describe('of its own', () => {
    /** Two accounts, each at a server of its own, and `reader`, of which the settings do not say what it needs. */
    async function twoSignedIn() {
      const { hosted, window: open } = await world();
      const [mail, files, reader] = [
        await hosted('gmail', [modify]),
        await hosted('drive', [drive]),
        await hosted('reader', [read, modify]),
      ];
      const { window, browser } = await open({
        gmail: { server: mail, auth: { account: alice.email, scopes: [modify] } },
        drive: { server: files, auth: { account: bob.email, scopes: [drive] } },
        reader: { server: reader },
      });
      await window.signIn(/gmail/);
      browser.user = at(bob);
      await window.signIn(/drive/);
      return { window, browser };
    }

    it('are signed in for before anybody asks, by a server that shows its tools to everybody', async () => {
      const { google, hosted, window: open } = await world();
      const gmail = await hosted('gmail', [modify]);
      const { window } = await open({ gmail: { server: gmail } });
      await window.ready;
      const starting = window.connect('gmail');
      const notice = await window.editor.window.message(/“gmail” needs you to sign in/);
      await assert.rejects(starting);
      notice.press('Sign In');
      await until(() => window.editor.visits.length > 0);
      const visit = await window.editor.visits[0];
      const parameters = asked(visit?.visited ?? []);
      assert.equal(parameters.get('access_type'), 'offline');
      assert.equal(parameters.get('prompt'), 'consent');
      assert.equal(parameters.get('resource'), null);
      assert.equal(parameters.get('code_challenge_method'), 'S256');
      assert.deepEqual(
        parameters.get('scope')?.split(' ').sort(),
        ['email', modify, 'openid', 'profile'].sort(),
      );
      assert.match(visit?.text ?? '', /alice@example\.com is ready for the MCP server “gmail”/);
      const { call } = await window.connect('gmail');
      assert.match(await call('whoami'), /alice@example\.com/);
      window.clock.leap(2 * hourMs);
      google.advanceClock(2 * hourMs);
      assert.match(await call('whoami'), /alice@example\.com/);
      assert.ok(
        gmail.requests.every(
          ({ hasCredential, rpcMethod }) => hasCredential || rpcMethod === 'ping' || rpcMethod === undefined,
        ),
      );
      for (const secret of google.issuedSecrets)
        if (!google.authorizationCodes.has(secret)) assert.ok(!window.remains.includes(secret));
    });

    it('share one sign-in, as far as what was granted reaches', async () => {
      const { google, hosted, window: open } = await world();
      const [first, second] = [await hosted('gmail', [modify]), await hosted('reader', [read, modify])];
      const servers = {
        gmail: { server: first, auth: { scopes: [modify] } },
        reader: { server: second, auth: { scopes: [read] } },
      };
      const { window } = await open(servers);
      await window.signIn(/gmail/);
      assert.match(await (await window.connect('reader')).call('whoami'), /alice@example\.com/);
      assert.equal(window.editor.visits.length, 1);
      assert.equal(window.stores.credentialKeys.length, 1);
      assert.equal(google.counts().signIns, 1);
    });

    it('are bound without a browser when the click finds that nothing is missing', async () => {
      const { hosted, window: open } = await world();
      const [first, second] = [await hosted('gmail', [modify]), await hosted('reader', [read, modify])];
      const { window } = await open({ gmail: { server: first }, reader: { server: second } });
      await window.signIn(/gmail/);
      await window.run('signIn', /reader/);
      assert.equal(window.editor.visits.length, 1);
      assert.match(await (await window.connect('reader')).call('whoami'), /alice@example\.com/);
    });

    it('are bound without a browser though the keyring cannot be read for a moment', async () => {
      const { hosted, window: open } = await world();
      const [first, second] = [await hosted('gmail', [modify]), await hosted('reader', [read, modify])];
      const { window } = await open({ gmail: { server: first }, reader: { server: second } });
      await window.signIn(/gmail/);
      window.stores.secrets.failNext('get');
      await window.run('signIn', /reader/);
      assert.equal(window.editor.visits.length, 1);
      assert.match(await (await window.connect('reader')).call('whoami'), /alice@example\.com/);
    });

    it('offer the accounts that are held, though the settings do not say what they need', async () => {
      const { window } = await twoSignedIn();
      await window.run('signIn', /reader/, /alice@example\.com/);
      assert.equal(window.editor.visits.length, 2, 'What she has granted covers it.');
      assert.match(await (await window.connect('reader')).call('whoami'), /alice@example\.com/);
      // His does not, so he is asked, with what he has granted before.
      const visit = await window.signIn(/reader/, /bob@example\.com/);
      assert.equal(asked(visit.visited).get('login_hint'), bob.email);
      for (const scope of [drive, read])
        assert.ok(asked(visit.visited).get('scope')?.split(' ').includes(scope), scope);
      assert.match(await (await window.connect('reader')).call('whoami'), /bob@example\.com/);
    });

    it('are asked for together with what was granted before, and both go on', async () => {
      const { hosted, window: open } = await world();
      const [mail, files] = [await hosted('gmail', [modify]), await hosted('drive', [drive])];
      const { window } = await open({ gmail: { server: mail }, drive: { server: files } });
      await window.signIn(/gmail/);
      const visit = await window.signIn(/drive/);
      const parameters = asked(visit.visited);
      assert.match(parameters.get('prompt') ?? '', /consent/);
      for (const scope of [modify, drive])
        assert.ok(parameters.get('scope')?.split(' ').includes(scope), scope);
      for (const label of ['gmail', 'drive'])
        assert.match(await (await window.connect(label)).call('whoami'), /alice@example\.com/);
      assert.equal(window.stores.credentialKeys.length, 1);
    });

    it('say what was not granted, and what will not work', async () => {
      const { hosted, window: open } = await world();
      const gmail = await hosted('gmail', [modify, drive]);
      const { window } = await open({ gmail: { server: gmail } }, { user: at(alice, /auth\/drive$/) });
      const visit = await window.signIn();
      assert.match(
        visit.text,
        /Not granted: Drive: read, change and delete all files\. Tools of “gmail” that need it will fail/,
      );
      assert.match(tooltipOf(window), /not granted: Drive: read, change and delete all files/);
      assert.match(
        window.editor.window.flashes.at(-1) ?? '',
        /^You are signed in for “gmail”\. Not granted: Drive: read, change and delete all files\.$/,
      );
      assert.match(await (await window.connect('gmail')).call('whoami'), /alice@example\.com/);
    });

    it('keep what was granted for one when less of it is ticked for another', async () => {
      const { hosted, window: open } = await world();
      const [mail, files] = [await hosted('gmail', [modify]), await hosted('drive', [drive])];
      const { window, browser } = await open({ gmail: { server: mail }, drive: { server: files } });
      await window.signIn(/gmail/);
      const [key = ''] = window.stores.credentialKeys;
      const before = await window.stores.secrets.get(key);
      browser.user = at(alice, /gmail\.modify$/);
      const signIn = window.run('signIn', /drive/);
      const told = await window.editor.window.message(/You left out what servers of alice@example\.com use/);
      told.close();
      await signIn;
      assert.match(told.text, /use already: Gmail: read, write and send mail\. Nothing was changed\./);
      assert.match((await window.editor.visits.at(-1))?.text ?? '', /You left out what servers of/);
      assert.deepEqual(window.stores.credentialKeys, [key]);
      assert.equal(await window.stores.secrets.get(key), before);
      assert.match(await (await window.connect('gmail')).call('whoami'), /alice@example\.com/);
      // With everything ticked it goes on.
      browser.user = at(alice);
      await window.signIn(/drive/);
      assert.match(await (await window.connect('drive')).call('whoami'), /alice@example\.com/);
    });

    it('say what another server has lost when less is granted anew', async () => {
      const { google, hosted, window: open } = await world();
      const { window, browser } = await open({
        gmail: { server: await hosted('gmail', [modify]), auth: { scopes: [modify] } },
        drive: { server: await hosted('drive', [drive]), auth: { scopes: [drive] } },
      });
      await window.signIn(/gmail/);
      await window.signIn(/drive/);
      await google.revokeAccess(alice.subject);
      window.clock.leap(2 * hourMs);
      google.advanceClock(2 * hourMs);
      const renewing = window.run('refreshNow', /gmail/);
      for (const text of [
        /“gmail” waits for you/,
        /often elsewhere\. Run “MCP Credentials: Sign In”/,
        /“drive” waits for you/,
      ])
        (await window.editor.window.message(text)).close();
      await renewing;
      browser.user = at(alice, /auth\/drive$/);
      const visit = await window.signIn(/gmail/, /Again as/);
      assert.match(
        visit.text,
        /alice@example\.com is ready for the MCP server “gmail”\. Other servers of alice@example\.com have lost: Drive: read, change and delete all files\./,
      );
      assert.match(
        tooltipOf(window),
        /\(drive\) – signed in, token renews within 60 min; not granted: Drive: read/,
      );
      assert.match(tooltipOf(window), /\(gmail\) – signed in, token renews within 60 min\\n/);
    });

    it('take nobody else than the account that was asked for, and store nothing of them', async () => {
      const { hosted, window: open } = await world();
      const gmail = await hosted('gmail', [modify]);
      const servers = { gmail: { server: gmail, auth: { account: alice.email } } };
      const { window } = await open(servers, { user: at(bob) });
      await window.ready;
      const signIn = window.run('signIn');
      const failure = await window.editor.window.message(
        /You signed in as bob@example\.com, but “gmail” uses alice@example\.com/,
      );
      assert.equal(
        failure.severity,
        'warning',
        'An error would stay beside the sign-ins that come after it.',
      );
      failure.close();
      await signIn;
      assert.deepEqual(window.stores.credentialKeys, []);
      const visit = await window.editor.visits.at(-1);
      assert.equal(asked(visit?.visited ?? []).get('login_hint'), alice.email);
      assert.match(visit?.text ?? '', /You are not signed in/);
    });

    it('are used by two accounts beside each other, each by its own', async () => {
      const { hosted, window: open } = await world();
      const [work, home] = [await hosted('work', [modify]), await hosted('home', [modify])];
      const { window, browser } = await open({
        work: { server: work, auth: { account: alice.email } },
        home: { server: home, auth: { account: bob.email } },
      });
      await window.signIn(/work/);
      browser.user = at(bob);
      await window.signIn(/home/);
      assert.match(await (await window.connect('work')).call('whoami'), /alice@example\.com/);
      assert.match(await (await window.connect('home')).call('whoami'), /bob@example\.com/);
      assert.equal(window.stores.credentialKeys.length, 2);
    });

    it('are asked for once more when somebody comes back who had granted more than was asked for', async () => {
      const { hosted, window: open } = await world();
      const [mail, files, both] = [
        await hosted('gmail', [modify]),
        await hosted('drive', [drive]),
        await hosted('tasks', [googleScope('tasks')]),
      ];
      const { window, browser } = await open({
        gmail: { server: mail, auth: { account: alice.email } },
        drive: { server: files, auth: { account: bob.email } },
        tasks: { server: both },
      });
      await window.signIn(/gmail/);
      browser.user = at(bob);
      await window.signIn(/drive/);
      const first = await window.signIn(/tasks/, /Sign In with Another Account/);
      assert.equal(window.editor.visits.length, 4);
      const [third, fourth] = (await Promise.all(window.editor.visits)).slice(2) as [Visit, Visit];
      assert.match(third.text, /asks bob@example\.com once more about “tasks”, in another tab/);
      assert.match(asked(third.visited).get('prompt') ?? '', /select_account/);
      assert.equal(fourth, first);
      assert.equal(asked(fourth.visited).get('login_hint'), bob.email);
      for (const label of ['drive', 'tasks'])
        assert.match(await (await window.connect(label)).call('whoami'), /bob@example\.com/);
    });

    it('ask in the browser who it is when another account is wanted, though one that is known would do', async () => {
      const { window, browser } = await twoSignedIn();
      browser.user = at(carol);
      const visit = await window.signIn(/reader/, /Sign In with Another Account/);
      assert.match(asked(visit.visited).get('prompt') ?? '', /select_account/);
      assert.match(await (await window.connect('reader')).call('whoami'), /carol@gmail\.com/);
    });

    it('ask another person for nothing but what the server needs', async () => {
      const { hosted, window: open } = await world();
      const [mail, files] = [await hosted('gmail', [modify]), await hosted('drive', [drive])];
      const { window, browser } = await open({ gmail: { server: mail }, drive: { server: files } });
      await window.signIn(/gmail/);
      await window.signIn(/drive/);
      browser.user = at(bob);
      const visit = await window.signIn(/gmail/, /With Another Account/);
      assert.deepEqual(
        asked(visit.visited).get('scope')?.split(' ').sort(),
        ['email', modify, 'openid', 'profile'].sort(),
      );
      assert.match(await (await window.connect('gmail')).call('whoami'), /bob@example\.com/);
    });

    it('keep the refresh token that is there when none comes with a choice of account', async () => {
      const { google, hosted, window: open } = await world();
      const gmail = await hosted('gmail', [modify]);
      const { window } = await open({ gmail: { server: gmail } });
      await window.signIn();
      const visit = await window.signIn(/Again as/);
      assert.equal(asked(visit.visited).get('prompt'), null);
      window.clock.leap(2 * hourMs);
      google.advanceClock(2 * hourMs);
      assert.match(await (await window.connect('gmail')).call('whoami'), /alice@example\.com/);
      assert.equal(window.editor.visits.length, 2);
    });

    it('are told which project to charge', async () => {
      const { hosted, window: open } = await world();
      const bigQuery = await hosted('bigquery', [googleScope('bigquery')], {
        path: '/mcp',
        quotaProjects: ['ours-1'],
      });
      const { window } = await open({ bigquery: { server: bigQuery, auth: { quotaProject: 'ours-1' } } });
      await window.signIn();
      assert.match(await (await window.connect('bigquery')).call('whoami'), /alice@example\.com/);
      assert.equal(bigQuery.requests.at(-1)?.quotaProject, 'ours-1');
    });

    it('are told which project to charge, also where the editor sends the token itself', async () => {
      const { hosted, window: open } = await world();
      const bigQuery = await hosted('bigquery', [googleScope('bigquery')], {
        path: '/mcp',
        quotaProjects: ['ours-1'],
      });
      const auth = { quotaProject: 'ours-1' };
      const { window } = await open({ bigquery: { server: bigQuery, delivery: 'header', auth } });
      await window.signIn();
      const { headers, uri } = await window.editor.resolve('bigquery');
      assert.equal(uri.text, bigQuery.url);
      assert.equal(headers['x-goog-user-project'], 'ours-1');
      assert.match(headers['Authorization'] ?? '', /^Bearer ya29\./);
      assert.match(await (await window.connect('bigquery')).call('whoami'), /alice@example\.com/);
      assert.equal(bigQuery.requests.at(-1)?.quotaProject, 'ours-1');
      for (const provided of window.editor.provided) assert.ok(!provided.includes('ya29.'));
    });

    it('are left one by one when the access is kept, and the last one leaves nothing here and all of it at Google', async () => {
      const { client, google, hosted, window: open } = await world();
      const auth = { scopes: [modify] };
      const servers = {
        mail: { server: await hosted('mail', [modify]), auth },
        post: { server: await hosted('post', [modify]), auth },
      };
      const { window } = await open(servers);
      await window.signIn(/mail/);
      await window.connect('post');
      const [key = ''] = window.stores.credentialKeys;
      const record = JSON.parse((await window.stores.secrets.get(key)) ?? '') as {
        tokens: { refreshToken: string };
      };

      const first = window.run('signOut', /mail/, /Sign Out Here/);
      const told = await window.editor.window.message(/Signed out alice@example\.com of “mail”\./);
      told.close();
      await first;
      assert.match(told.text, /The sign-in is kept for “post”, and nothing was revoked/);
      assert.equal(window.stores.credentialKeys.length, 1);
      assert.match(await (await window.connect('post')).call('whoami'), /alice@example\.com/);

      const last = window.run('signOut', /Sign Out Here/);
      const end = await window.editor.window.message(/Signed out alice@example\.com of “post”/);
      end.close();
      await last;
      assert.match(
        end.text,
        /has forgotten the sign-in\. What was granted at Google is kept: to end it, remove/,
      );
      assert.deepEqual(window.stores.credentialKeys, []);
      assert.ok(!google.requests.includes('POST /revoke'));
      const answer = await fetch(google.addresses.token, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: record.tokens.refreshToken,
          client_id: client.id,
          client_secret: client.secret,
        }),
      });
      assert.equal(answer.status, 200, 'It is still good at Google.');
    });

    it('of one workspace leave an account that those of another use, and end it for all when the user says so', async () => {
      const { google, hosted, window: open } = await world();
      const servers = { mail: { server: await hosted('mail', [modify]), auth: { scopes: [modify] } } };
      const { window: there } = await open(servers, { folder: 'file:///there' });
      await there.signIn();
      // Bindings are written a moment later.
      there.clock.leap(1_000);
      const { window: here } = await open(servers, { folder: 'file:///here', stores: there.stores });
      await here.ready;
      await here.connect('mail');

      const leaving = here.run('signOut', /Sign Out Here/);
      const told = await here.editor.window.message(/Signed out alice@example\.com of “mail”\./);
      told.close();
      await leaving;
      assert.match(told.text, /The sign-in is kept for servers of other workspaces, and nothing was revoked/);
      assert.match(await (await there.connect('mail')).call('whoami'), /alice@example\.com/);
      await here.close();
      await there.close();
      const again = (await open(servers, { folder: 'file:///there', stores: there.stores })).window;
      await again.ready;
      assert.match(await (await again.connect('mail')).call('whoami'), /alice@example\.com/);

      const { window: third } = await open(servers, { folder: 'file:///third', stores: there.stores });
      await third.ready;
      await third.connect('mail');
      const ending = third.run('signOut', /Sign Out Everywhere in This Editor/);
      (await third.editor.window.message(/has forgotten the sign-in/)).close();
      await ending;
      assert.deepEqual(third.stores.credentialKeys, []);
      assert.ok(!google.requests.includes('POST /revoke'));
    });

    it('of a workspace that nobody has opened for half a year keep no account here', async () => {
      const { hosted, window: open } = await world();
      const mail = await hosted('mail', [modify]);
      const servers = { mail: { server: mail, auth: { scopes: [modify] } } };
      const { window: gone } = await open(servers, { folder: 'file:///gone' });
      await gone.signIn();
      const { stores } = gone;
      await gone.close();
      const signOutAfter = async (days: number) => {
        const { window: here } = await open(servers, { folder: `file:///after/${days}`, stores });
        await here.ready;
        await here.connect('mail');
        here.clock.leap(days * dayMs);
        await here.stayOpen(3);
        if (days > 180) await until(() => here.log(/Unused bindings are dropped: 1\./) !== undefined);
        const leaving = here.run('signOut', /Sign Out Here/);
        const told = await here.editor.window.message(/Signed out alice@example\.com of “mail”/);
        told.close();
        await leaving;
        await here.close();
        return told.text;
      };
      assert.match(await signOutAfter(179), /kept for servers of other workspaces/);
      assert.equal(stores.credentialKeys.length, 1);
      assert.match(await signOutAfter(181), /has forgotten the sign-in/);
      assert.deepEqual(stores.credentialKeys, []);
    });

    it('stop together when the access is revoked on signing out', async () => {
      const { google, hosted, window: open } = await world();
      const auth = { scopes: [modify] };
      const servers = {
        a: { server: await hosted('a', [modify]), auth },
        b: { server: await hosted('b', [modify]), auth },
      };
      const { window } = await open(servers);
      await window.signIn(/a/);
      await window.connect('b');
      const signOut = window.run('signOut', /^b$/, /Sign Out and Revoke at Google/);
      (await window.editor.window.message(/Signed out alice@example\.com of “b”/)).close();
      await signOut;
      assert.ok(google.requests.includes('POST /revoke'));
      assert.deepEqual(window.stores.credentialKeys, []);
    });
  });

  describe('when the grant dies', () => {
    interface Death {
      readonly name: string;
      readonly client?: Partial<GoogleClient>;
      readonly kill: (google: Awaited<ReturnType<typeof world>>['google']) => Promise<void> | void;
      readonly afterMs?: number;
      readonly text: RegExp;
    }
    const deaths: readonly Death[] = [
      {
        name: 'because the app is in testing',
        client: { status: 'testing' },
        kill: () => undefined,
        afterMs: 7 * dayMs,
        text: /alice@example\.com has ended after 7 days.*Publish the app/s,
      },
      {
        name: 'because the user has revoked it',
        kill: (google) => google.revokeAccess(alice.subject),
        text: /Google has ended the sign-in of alice@example\.com .*: the access was revoked, the password was changed/,
      },
      {
        name: 'because of session control',
        kill: (google) => google.restrict(alice.subject, 'session-control'),
        text: /organization of alice@example\.com wants its people to sign in again/,
      },
      {
        name: 'because of a policy',
        kill: (google) => google.restrict(alice.subject, 'admin-policy'),
        text: /An administrator of the organization of alice@example\.com does not allow/,
      },
      {
        name: 'because nobody used it',
        kill: (google) => google.revokeAccess(alice.subject),
        afterMs: 200 * dayMs,
        text: /nobody used it for six months/,
      },
    ];
    for (const { name, client, kill, afterMs = 2 * hourMs, text } of deaths) {
      it(`say why, to the user and to the model: ${name}`, async () => {
        const { google, hosted, window: open } = await world(googleClient(client));
        const gmail = await hosted('gmail', [modify]);
        const { window } = await open({ gmail: { server: gmail } });
        await window.signIn();
        const { call } = await window.connect('gmail');
        await kill(google);
        google.advanceClock(afterMs);
        window.clock.leap(afterMs);
        const waiting = call('whoami').catch((error: unknown) => String(error));
        const notice = await window.editor.window.message(text);
        assert.match(notice.text, /The MCP server “gmail” waits for you to sign in again/);
        await window.waiting(1);
        window.clock.leap(300_000);
        const told = await waiting;
        assert.match(told, text);
        assert.match(told, /“MCP Credentials: Sign In” from the Command Palette and choose “gmail”/);
      });
    }

    it('announce the end of a week two days ahead', async () => {
      const { google, hosted, window: open } = await world(googleClient({ status: 'testing' }));
      const { window } = await open({ gmail: { server: await hosted('gmail', [modify]) } });
      await window.signIn();
      assert.doesNotMatch(tooltipOf(window), /sign-in itself ends/);
      window.clock.leap(5.2 * dayMs);
      google.advanceClock(5.2 * dayMs);
      await window.run('refreshNow');
      assert.match(tooltipOf(window), /the sign-in itself ends in 44 h, so sign in again before/);
    });

    it('begin another week when the same person signs in before the end, as announced', async () => {
      const { google, hosted, window: open } = await world(googleClient({ status: 'testing' }));
      const { window } = await open({ gmail: { server: await hosted('gmail', [modify]) } });
      await window.signIn();
      const pass = (ms: number) => {
        window.clock.leap(ms);
        google.advanceClock(ms);
      };
      pass(5.2 * dayMs);
      await window.run('refreshNow');
      const visit = await window.signIn(/Again as/);
      assert.equal(asked(visit.visited).get('prompt'), 'consent');
      assert.doesNotMatch(tooltipOf(window), /sign-in itself ends/);
      pass(2 * dayMs);
      assert.match(await (await window.connect('gmail')).call('whoami'), /alice@example\.com/);
    });
  });

  describe('that somebody else runs', () => {
    it('get a token when the user has allowed that address for the account, and are asked about once', async () => {
      const { parties, window: open } = await world();
      const mine = await parties.workspace({ scopes: [modify] });
      const { window } = await open({ mine: { server: mine } }, { own: [] });
      await window.ready;
      window.editor.window.planModal(
        /^Send tokens of the account that you are about to sign in with to http:\/\/127\.0\.0\.1:\d+, where the MCP server “mine” is\?$/,
        'Allow',
      );
      await window.signIn();
      assert.match(await (await window.connect('mine')).call('whoami'), /alice@example\.com/);
      assert.match(
        window.editor.window.modals[0]?.detail ?? '',
        /They allow: Gmail: read, write and send mail\. Whoever gets one can use it everywhere/,
      );
      await window.signIn(/Again as/);
      assert.equal(window.editor.window.modals.length, 1);
    });

    it('are asked about with all that the answer means: account, permissions, address, and whom it is charged to', async () => {
      const { parties, google, window: open } = await world();
      const theirs = await parties.workspace({ scopes: [modify] });
      const auth = {
        issuer: google.issuer,
        account: alice.email,
        scopes: [modify],
        quotaProject: 'ours-1',
      };
      const proposal = { theirs: { server: theirs, auth } };
      const { window } = await open(
        {},
        { own: [], workspace: { 'mcpCredentials.servers': googleServers(proposal) }, folder: 'file:///w' },
      );
      const proposed = await window.editor.window.message(/wants to use the MCP server “theirs”/);
      assert.ok(proposed.text.includes(theirs.url), proposed.text);
      assert.match(
        proposed.text,
        /account "alice@example\.com"\. It asks for: Gmail: read, write and send mail\. Its use would be charged to the project "ours-1"\./,
      );
      proposed.press('Allow');
      await window.offers('theirs');
      window.editor.window.planModal(
        new RegExp(
          `^Send tokens of alice@example\\.com to ${new URL(theirs.url).origin}, where the MCP server “theirs” is\\?$`,
        ),
        'Allow',
      );
      await window.signIn();
      assert.match(
        window.editor.window.modals[0]?.detail ?? '',
        /^This workspace has named the server, and not you\. They allow: Gmail: read, write and send mail\. Their use is charged to the project "ours-1"\. Whoever/,
      );
    });

    it('get none when the user has not allowed it', async () => {
      const { parties, window: open } = await world();
      const mine = await parties.workspace({ scopes: [modify] });
      const { window } = await open({ mine: { server: mine } }, { own: [] });
      await window.ready;
      window.editor.window.planModal(/^Send tokens/, undefined);
      const signIn = window.run('signIn');
      (await window.editor.window.message(/may not be sent to http:\/\/127\.0\.0\.1/)).close();
      await signIn;
      assert.equal(window.editor.visits.length, 0);
      assert.ok(mine.requests.every(({ hasCredential }) => !hasCredential));
      assert.deepEqual(window.stores.credentialKeys, []);
    });

    it('get an ID token for themselves on Cloud Run, without a browser', async () => {
      const { google, parties, window: open } = await world();
      const robot = google.addServiceAccount('robot');
      const server = await parties.cloudRun({ name: 'run', invokers: [robot.email] });
      const path = join(scratchFolder(), 'key.json');
      writeFileSync(path, robot.keyFile);
      const grant = { type: 'google', credentials: path, audience: new URL(server.url).origin };
      const { window } = await open({ run: { server, auth: { grant } } }, { own: [] });
      await window.ready;
      const { call } = await window.connect('run');
      assert.match(await call('whoami'), new RegExp(robot.email.replaceAll('.', '\\.')));
      assert.match(window.editor.statusBar?.text ?? '', /robot/);
    });

    it('get an ID token for the client ID of Identity-Aware Proxy in front of them, and no other server does', async () => {
      const { google, parties, window: open } = await world();
      const robot = google.addServiceAccount('robot');
      const proxyClientId = '407408718192-iap.apps.googleusercontent.com';
      const behind = { invokers: [robot.email], proxyClientId };
      const [server, other] = [
        await parties.cloudRun({ name: 'behind', ...behind }),
        await parties.cloudRun({ name: 'other', ...behind }),
      ];
      const path = join(scratchFolder(), 'key.json');
      writeFileSync(path, robot.keyFile);
      const grant = { type: 'google', credentials: path, audience: proxyClientId };
      const { window } = await open(
        { behind: { server, auth: { grant } }, other: { server: other } },
        { own: [] },
      );
      await window.ready;
      assert.match(
        await (await window.connect('behind')).call('whoami'),
        new RegExp(robot.email.replaceAll('.', '\\.')),
      );
      assert.ok(server.requests.some(({ hasCredential }) => hasCredential));
      assert.ok(other.requests.every(({ hasCredential }) => !hasCredential));
      const [key = ''] = window.stores.credentialKeys;
      assert.ok(key.includes(server.url), 'It is kept for this server alone.');
      assert.equal(window.editor.visits.length, 0);
    });

    it('are asked about with all that a service account’s token allows, also where nobody has said what is needed', async () => {
      const { google, parties, window: open } = await world();
      const path = join(scratchFolder(), 'key.json');
      writeFileSync(path, google.addServiceAccount('robot').keyFile);
      const theirs = await parties.workspace({ scopes: [] });
      const auth = { grant: { type: 'google', credentials: path } };
      const { window } = await open({ theirs: { server: theirs, auth } }, { own: [] });
      await window.ready;
      window.editor.window.planModal(/^Send tokens/, 'Allow');
      await window.run('signIn');
      assert.match(
        window.editor.window.modals[0]?.detail ?? '',
        /They allow: Google Cloud: use and change everything in your projects\./,
      );
      const [key = ''] = window.stores.credentialKeys;
      const { scopes } = JSON.parse((await window.stores.secrets.get(key)) ?? '') as { scopes: string[] };
      assert.deepEqual(scopes, [googleScope('cloud-platform')]);
      assert.match(await (await window.connect('theirs')).call('whoami'), /robot/);
    });

    it('are reached by a service account that acts for a person', async () => {
      const { google, hosted, window: open } = await world();
      const robot = google.addServiceAccount('robot', {
        delegation: { domain: 'example.com', scopes: [modify] },
      });
      const server = await hosted('gmail', [modify]);
      const path = join(scratchFolder(), 'key.json');
      writeFileSync(path, robot.keyFile);
      const grant = { type: 'google', credentials: path, subject: alice.email };
      const { window } = await open({ gmail: { server, auth: { grant, scopes: [modify] } } });
      await window.ready;
      assert.match(await (await window.connect('gmail')).call('whoami'), /alice@example\.com/);
      assert.equal(window.editor.visits.length, 0);
    });
  });

  const tooltipOf = (window: {
    readonly editor: { readonly statusBar: { readonly tooltip?: unknown } | undefined };
  }) =>
    JSON.stringify(window.editor.statusBar?.tooltip ?? '').replaceAll(/&#(\d+);/g, (_, code: string) =>
      String.fromCodePoint(Number(code)),
    );
});
