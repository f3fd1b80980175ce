import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { googleScope } from '../../src/google/services.js';
import type { BrokerWindow, McpConnection } from '../support/broker-window.js';
import { authorizedUserFile, externalAccountFile } from '../support/google/credential-files.js';
import { googleClient, type GoogleClient } from '../support/google/google-clients.js';
import { googleWorld } from '../support/google/google-journeys.js';
import { alice, bob } from '../support/google/google-users.js';
import type { TestUser } from '../support/test-users.js';
import { ping, rawRequest } from '../support/raw-request.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { useGround } from '../support/ground.js';

const hourMs = 3_600_000;
const [modify, bigQuery] = ['gmail.modify', 'bigquery'].map(googleScope) as [string, string];

/** The program that has written the file. */
const gcloud = googleClient({
  id: '764086051850-gcloud.apps.googleusercontent.com',
  secret: 'gcloud-secret',
});

describe('a server that uses what gcloud has signed in', () => {
  const ground = useGround();

  async function world(...others: readonly GoogleClient[]) {
    const made = await googleWorld(ground, googleClient(), ...others, gcloud);
    const path = join(scratchFolder(), 'adc.json');
    const server = await made.hosted('data', [bigQuery]);
    const auth = { grant: { type: 'google', credentials: path }, scopes: [bigQuery] };
    /** As `gcloud auth application-default login` does. @returns the refresh token in the file */
    const logIn = async (
      user: TestUser,
      { file = path, quotaProject }: { file?: string; quotaProject?: string } = {},
    ): Promise<string> => {
      const scopes = ['openid', googleScope('userinfo.email'), bigQuery];
      const { refreshToken } = await made.google.signedInElsewhere(user, gcloud, scopes);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, authorizedUserFile(gcloud, refreshToken, quotaProject));
      return refreshToken;
    };
    /** Until the token of every account has ended. */
    const outlive = ({ clock }: BrokerWindow) => {
      clock.leap(2 * hourMs);
      made.google.advanceClock(2 * hourMs);
    };
    /** The next call after the token has ended waits for the user, in vain. @returns what they are asked */
    const waitsInVain = async (window: BrokerWindow, { call }: McpConnection, text: RegExp) => {
      outlive(window);
      const waiting = call('whoami').catch((error: unknown) => String(error));
      const notice = await window.editor.window.message(text);
      await window.waiting(1);
      window.clock.leap(300_000);
      assert.match(await waiting, text);
      return notice.text;
    };
    return { ...made, path, logIn, outlive, waitsInVain, data: { server, auth } };
  }

  it('uses them after an import that names the server, where they lie and wherever that is', async () => {
    const { google, hosted, window: open, logIn } = await world();
    const home = scratchFolder();
    const usual = join(home, '.config', 'gcloud', 'application_default_credentials.json');
    const key = join(home, 'robot.json');
    const refreshToken = await logIn(alice, { file: usual, quotaProject: 'ours-1' });
    writeFileSync(key, google.addServiceAccount('robot').keyFile);
    const auth = { scopes: [bigQuery] };
    const tables = await hosted('tables', [bigQuery]);
    const servers = {
      tables: { server: tables, auth },
      charts: { server: await hosted('charts', [bigQuery]), auth },
    };
    const importing = async (environment: Record<string, string>, file: RegExp, server: RegExp) => {
      const { window } = await open(servers, { environment: { HOME: home, ...environment } });
      await window.ready;
      window.editor.window.planPick(/What Was Found on This Computer/);
      window.editor.window.planTicks(file);
      window.editor.window.planTicks(server);
      const work = window.run('importCredentials');
      const text = /application default credentials stay in their file; used by: (tables|charts)\./;
      (await window.editor.window.message(text)).close();
      await work;
      assert.deepEqual(window.editor.visits, []);
      return window;
    };
    const first = await importing({}, /application_default_credentials/, /tables/);
    assert.match(await (await first.connect('tables')).call('whoami'), /alice@example\.com/);
    assert.match(first.editor.settings.text, /"grant":\{"type":"google"\}/);
    assert.equal(tables.requests.at(-1)?.quotaProject, 'ours-1');
    assert.ok(!first.remains.includes(refreshToken));
    const second = await importing({ GOOGLE_APPLICATION_CREDENTIALS: key }, /robot\.json/, /charts/);
    const [, list] = second.editor.window.picks;
    assert.equal(
      list?.items.find(({ label }) => label.endsWith(' ~/robot.json'))?.description,
      'named by the variable GOOGLE_APPLICATION_CREDENTIALS',
    );
    assert.match(await (await second.connect('charts')).call('whoami'), /robot@/);
    assert.ok(second.editor.settings.text.includes(JSON.stringify({ type: 'google', credentials: key })));
  });

  it('charges the project that the login names, unless the settings name another', async () => {
    const { hosted, window: open, logIn, path } = await world();
    await logIn(alice, { quotaProject: 'of-the-file' });
    const table = (name: string) => hosted(name, [bigQuery], { quotaProjects: ['of-the-file', 'ours-1'] });
    const grant = { type: 'google', credentials: path };
    const servers = {
      tables: { server: await table('tables'), auth: { grant, scopes: [bigQuery] } },
      charts: { server: await table('charts'), auth: { grant, scopes: [bigQuery], quotaProject: 'ours-1' } },
      sent: { server: await table('sent'), delivery: 'header' as const, auth: { grant, scopes: [bigQuery] } },
    };
    const { window } = await open(servers);
    await window.ready;
    const charged = async (label: keyof typeof servers, by = window) => {
      assert.match(await (await by.connect(label)).call('whoami'), /alice@example\.com/);
      return servers[label].server.requests.at(-1)?.quotaProject;
    };
    assert.deepEqual(
      [await charged('tables'), await charged('charts'), await charged('sent')],
      ['of-the-file', 'ours-1', 'of-the-file'],
    );
    const { url, headers } = await window.definition('tables');
    await rawRequest(url, { headers: { ...headers, 'X-Goog-User-Project': 'ours-1' }, body: ping });
    assert.equal(servers.tables.server.requests.at(-1)?.quotaProject, 'ours-1', 'The caller says so itself.');
    await window.close();
    const { window: later } = await open(servers, { stores: window.stores });
    await later.ready;
    assert.equal(await charged('tables', later), 'of-the-file');
  });

  it('charges no project at an address that is not Google’s but the user’s alone', async () => {
    const { hosted, window: open, logIn, path } = await world();
    await logIn(alice, { quotaProject: 'of-the-file' });
    const theirs = await hosted('theirs', [bigQuery]);
    const auth = { grant: { type: 'google', credentials: path }, scopes: [bigQuery] };
    const { window } = await open({ theirs: { server: theirs, auth } }, { own: [] });
    await window.ready;
    window.editor.window.planModal(/^Send tokens/, 'Allow');
    await window.run('signIn');
    assert.match(await (await window.connect('theirs')).call('whoami'), /alice@example\.com/);
    assert.equal(theirs.requests.at(-1)?.quotaProject, undefined);
  });

  it('is not said to use a login that Google has refused, and the step that helps is named', async () => {
    const { google, hosted, window: open, logIn } = await world();
    const home = scratchFolder();
    await logIn(alice, { file: join(home, '.config', 'gcloud', 'application_default_credentials.json') });
    await google.revokeAccess(alice.subject);
    const tables = { server: await hosted('tables', [bigQuery]), auth: { scopes: [bigQuery] } };
    const { window } = await open({ tables }, { environment: { HOME: home } });
    await window.ready;
    window.editor.window.planPick(/What Was Found on This Computer/);
    window.editor.window.planTicks(/application_default_credentials/);
    window.editor.window.planTicks(/tables/);
    const work = window.run('importCredentials');
    const failed = await window.editor.window.message(
      /Google refused the credentials that “auth\.grant” of “tables” uses: "Token has been expired or revoked\."\./,
    );
    assert.match(failed.text, /“gcloud auth application-default login”/);
    failed.close();
    const told = await window.editor.window.message(
      /application default credentials are set for tables, and signing in with them has failed/,
    );
    assert.doesNotMatch(told.text, /used by/);
    told.close();
    await work;
  });

  it('says which login has died while it was in use, and what renews it', async () => {
    const { google, window: open, logIn, waitsInVain, data } = await world();
    await logIn(alice);
    const { window } = await open({ data });
    await window.ready;
    const connection = await window.connect('data');
    await connection.call('whoami');
    google.restrict(alice.subject, 'session-control');
    const text =
      /organization of alice@example\.com wants its people to sign in again.*“gcloud auth application-default login”/;
    const asked = await waitsInVain(window, connection, text);
    assert.match(asked, /The MCP server “data” waits for it; then choose “Sign In”\./);
  });

  const clients = { 'another client': googleClient(), 'another secret': { ...gcloud, secret: 'GOCSPX-new' } };
  for (const [name, client] of Object.entries(clients))
    it(`says that the login in the file was made with another client than it names: ${name}`, async () => {
      const { window: open, logIn, waitsInVain, path, data } = await world(client);
      const refreshToken = await logIn(alice);
      const { window } = await open({ data });
      await window.ready;
      const connection = await window.connect('data');
      await connection.call('whoami');
      writeFileSync(path, authorizedUserFile(client, refreshToken));
      const text =
        /sign-in of alice@example\.com belongs to another client .* secret of the client was changed.*“gcloud auth application-default login”/;
      const asked = await waitsInVain(window, connection, text);
      assert.match(asked, /The MCP server “data” waits for it; then choose “Sign In”\./);
      writeFileSync(path, authorizedUserFile(gcloud, refreshToken));
      await window.run('signIn', /Again as/);
      assert.match(await connection.call('whoami'), /alice@example\.com/);
    });

  it('leaves it to the others when one of them signs out', async () => {
    const { hosted, window: open, logIn, data } = await world();
    await logIn(alice);
    const more = { server: await hosted('more', [bigQuery]), auth: data.auth };
    const { window } = await open({ data, more });
    await window.ready;
    for (const label of ['data', 'more'])
      assert.match(await (await window.connect(label)).call('whoami'), /alice@example\.com/);
    const leaving = window.run('signOut', /data/);
    (await window.editor.window.message(/of “data”\. The credentials that it was given are kept/)).close();
    await leaving;
    assert.match(await (await window.connect('more')).call('whoami'), /alice@example\.com/);
    assert.equal(window.stores.credentialKeys.length, 1);
  });

  it('leaves what the same person has granted in the browser', async () => {
    const { hosted, window: open, logIn, outlive, data } = await world();
    await logIn(alice);
    const { window } = await open({ gmail: { server: await hosted('gmail', [modify]) }, data });
    await window.ready;
    await window.signIn(/gmail/);
    assert.match(await (await window.connect('data')).call('whoami'), /alice@example\.com/);
    assert.equal(window.stores.credentialKeys.length, 2);
    outlive(window);
    assert.match(await (await window.connect('gmail')).call('whoami'), /alice@example\.com/);
    // Signing out of that names nobody who uses the other.
    const leaving = window.run('signOut', /gmail/, /Sign Out Here/);
    (await window.editor.window.message(/of “gmail”; this editor has forgotten the sign-in/)).close();
    await leaving;
    assert.doesNotMatch(JSON.stringify(window.editor.window.picks.at(-1)?.items), /“data”/);
    assert.match(await (await window.connect('data')).call('whoami'), /alice@example\.com/);
  });

  it('lends nothing of somebody else who has logged in meanwhile, and says who is missing', async () => {
    const { window: open, logIn, waitsInVain, data } = await world();
    await logIn(alice);
    const { window } = await open({ data });
    await window.ready;
    const connection = await window.connect('data');
    assert.match(await connection.call('whoami'), /alice@example\.com/);
    await logIn(bob);
    const text = /Somebody other than alice@example\.com is logged in now in the credentials file/;
    await waitsInVain(window, connection, text);
    assert.ok(data.server.requests.every(({ email }) => email !== bob.email));
  });

  it('goes on when the same person has logged in anew', async () => {
    const { window: open, logIn, outlive, data } = await world();
    await logIn(alice);
    const { window } = await open({ data });
    await window.ready;
    const { call } = await window.connect('data');
    await logIn(alice);
    outlive(window);
    assert.match(await call('whoami'), /alice@example\.com/);
  });
});

describe('a server that is bound to an account which no person signs in with', () => {
  const ground = useGround();
  const cloud = googleScope('cloud-platform');

  async function world() {
    const made = await googleWorld(ground, googleClient(), gcloud);
    const { google } = made;
    const folder = scratchFolder();
    const write = (name: string, text: string): string => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    };
    /** Opens a window, and calls as `whom` now and after a renewal. */
    const serves = async (grant: object, whom: RegExp) => {
      const server = await made.hosted('data', [bigQuery]);
      const auth = { grant: { type: 'google', ...grant }, scopes: [bigQuery] };
      const { window } = await made.window({ data: { server, auth } });
      await window.ready;
      const { call } = await window.connect('data');
      assert.match(await call('whoami'), whom);
      window.clock.leap(2 * hourMs);
      google.advanceClock(2 * hourMs);
      assert.match(await call('whoami'), whom);
      assert.deepEqual(window.editor.visits, []);
      assert.equal(window.stores.credentialKeys.length, 1);
      for (const secret of google.issuedSecrets) assert.ok(!window.remains.includes(secret));
      return window;
    };
    return { ...made, write, serves };
  }

  it('has tokens of a service account that somebody may act as, and none of their own', async () => {
    const { google, write, serves } = await world();
    const robot = google.addServiceAccount('robot', { tokenCreators: [alice.email] });
    const { refreshToken } = await google.signedInElsewhere(alice, gcloud, ['openid', cloud]);
    const credentials = write('adc.json', authorizedUserFile(gcloud, refreshToken));
    const window = await serves({ credentials, impersonate: robot.email }, /^robot@/);
    assert.match(window.editor.statusBar?.text ?? '', /robot@/);
  });

  it('is told that nobody let the person act as the service account', async () => {
    const { google, hosted, window: open, write } = await world();
    const robot = google.addServiceAccount('robot');
    const { refreshToken } = await google.signedInElsewhere(alice, gcloud, ['openid', cloud]);
    const credentials = write('adc.json', authorizedUserFile(gcloud, refreshToken));
    const server = await hosted('data', [bigQuery]);
    const grant = { type: 'google', credentials, impersonate: robot.email };
    const { window } = await open({ data: { server, auth: { grant, scopes: [bigQuery] } } });
    await window.ready;
    const signIn = window.run('signIn');
    (await window.editor.window.message(/iam\.serviceAccounts\.getAccessToken/)).close();
    await signIn;
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('says that the clock of this computer is wrong while it is, and goes on when it is right', async () => {
    const { google, hosted, window: open, write } = await world();
    const credentials = write('key.json', google.addServiceAccount('robot').keyFile);
    const grant = { type: 'google', credentials };
    const server = await hosted('data', [bigQuery]);
    const { window } = await open({ data: { server, auth: { grant, scopes: [bigQuery] } } });
    google.advanceClock(-2 * hourMs);
    await window.ready;
    const text =
      /The clock of this computer is wrong, .*Set the computer’s clock: its date, time and time zone\./;
    const signIn = window.run('signIn');
    (await window.editor.window.message(text)).close();
    await signIn;
    google.advanceClock(2 * hourMs);
    await window.run('signIn');
    const { call } = await window.connect('data');
    assert.match(await call('whoami'), /^robot@/);

    google.advanceClock(2 * hourMs);
    window.clock.leap(2 * hourMs);
    assert.match(await call('whoami'), text);
    google.advanceClock(-2 * hourMs);
    await window.run('refreshNow');
    assert.match(await call('whoami'), /^robot@/);
  });

  it('goes on when a gateway has forbidden a single request', async () => {
    const { google, hosted, window: open, write } = await world();
    const credentials = write('key.json', google.addServiceAccount('robot').keyFile);
    const server = await hosted('data', [bigQuery]);
    const auth = { grant: { type: 'google', credentials }, scopes: [bigQuery] };
    const { window } = await open({ data: { server, auth } });
    await window.ready;
    const { call } = await window.connect('data');
    await call('whoami');
    google.failNext('token', {
      status: 403,
      body: { error: 'forbidden', message: 'Blocked by the gateway' },
    });
    const refresh = window.run('refreshNow');
    (await window.editor.window.message(/“data” does not answer\. The sign-in is kept/)).close();
    await refresh;
    await window.run('refreshNow');
    assert.match(await call('whoami'), /^robot@/);
  });

  describe('and whose people it may not act for', () => {
    const undelegated = {
      status: 403,
      body: { error: 'access_denied', error_description: 'Requested client not authorized.' },
    };
    const delegate = /may not act for that person yet\. In the Google Admin console/;

    async function acting() {
      const { google, hosted, window: open, write } = await world();
      const delegation = { domain: 'example.com', scopes: [bigQuery] };
      const credentials = write('key.json', google.addServiceAccount('robot', { delegation }).keyFile);
      const grant = { type: 'google', credentials, subject: alice.email };
      const server = await hosted('data', [bigQuery]);
      const { window } = await open({ data: { server, auth: { grant, scopes: [bigQuery] } } });
      await window.ready;
      return { google, window };
    }

    it('says so at the sign-in', async () => {
      const { google, window } = await acting();
      google.failNext('token', undelegated);
      const signIn = window.run('signIn');
      (await window.editor.window.message(delegate)).close();
      await signIn;
    });

    it('repeats other words of Google for it, too', async () => {
      const { google, window } = await acting();
      const body = { error: 'access_denied', error_description: 'Account restricted.' };
      google.failNext('token', { status: 403, body });
      const signIn = window.run('signIn');
      const text = /Google refused the credentials that “auth\.grant” of “data” uses: "Account restricted\."/;
      (await window.editor.window.message(text)).close();
      await signIn;
    });

    it('says so while it is in use, and goes on when an administrator allows it', async () => {
      const { google, window } = await acting();
      const { call } = await window.connect('data');
      assert.match(await call('whoami'), /alice@example\.com/);
      google.failNext('token', undelegated);
      const refresh = window.run('refreshNow');
      (await window.editor.window.message(delegate)).close();
      await refresh;
      await window.run('refreshNow');
      assert.match(await call('whoami'), /alice@example\.com/);
    });
  });

  it('has tokens of a workload that another platform vouches for', async () => {
    const { google, write, serves } = await world();
    const pool = google.addWorkloadPool('build');
    const token = write('token', await pool.subjectToken('runner-1'));
    const credentials = write('workload.json', externalAccountFile(pool, token, undefined, google.addresses));
    const window = await serves({ credentials }, /principal:.*\/build\/subject\/runner-1/);
    assert.match(window.editor.statusBar?.text ?? '', /build\/providers\/build-oidc/);
  });

  it('goes on by itself when what its platform says of the workload was stale for a moment', async () => {
    const { google, hosted, window: open, write } = await world();
    const pool = google.addWorkloadPool('build');
    const token = write('token', await pool.subjectToken('runner-1'));
    const credentials = write('workload.json', externalAccountFile(pool, token, undefined, google.addresses));
    const server = await hosted('data', [bigQuery]);
    const auth = { grant: { type: 'google', credentials }, scopes: [bigQuery] };
    const { window } = await open({ data: { server, auth } });
    await window.ready;
    const { call } = await window.connect('data');
    await call('whoami');
    const error_description = 'ID Token issued at 1795700000 is stale to sign-in.';
    google.failNext('sts', { status: 400, body: { error: 'invalid_grant', error_description } });
    const refresh = window.run('refreshNow');
    (await window.editor.window.message(/stale to sign-in\."\. The grant is kept; next attempt in/)).close();
    await refresh;
    google.advanceClock(2 * hourMs);
    window.clock.leap(2 * hourMs);
    write('token', await pool.subjectToken('runner-1'));
    assert.match(await call('whoami'), /principal:.*\/build\/subject\/runner-1/);
  });

  it('has tokens of a service account that the workload acts as', async () => {
    const { google, write, serves } = await world();
    const pool = google.addWorkloadPool('build');
    const principal = `principal:${pool.audience.replace(/\/providers\/.*$/, '')}/subject/runner-1`;
    const robot = google.addServiceAccount('robot', { tokenCreators: [principal] });
    const token = write('token', await pool.subjectToken('runner-1'));
    const file = externalAccountFile(pool, token, robot.email, google.addresses);
    const window = await serves({ credentials: write('workload.json', file) }, /^robot@/);
    assert.match(window.editor.statusBar?.text ?? '', /robot@/);
  });
});
