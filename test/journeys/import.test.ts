import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { googleEndpoints, type GoogleEndpoints } from '../../src/google/endpoints.js';
import { Stores, type BrokerWindow } from '../support/broker-window.js';
import { workspaceFile } from '../support/google/credential-files.js';
import { googleClient, type GoogleClient } from '../support/google/google-clients.js';
import { googleWorld } from '../support/google/google-journeys.js';
import { GoogleParties } from '../support/google/google-parties.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';
import { scratchFolder } from '../support/scratch-folder.js';

const gmail = ['https://www.googleapis.com/auth/gmail.readonly'];
const identity = ['openid', 'https://www.googleapis.com/auth/userinfo.email'];
const found = /What Was Found on This Computer/;

describe('“Import Credentials…”', () => {
  const ground = useGround();

  /** Google, one of its servers, and a computer on which google_workspace_mcp has been at work. */
  async function computer(...others: readonly GoogleClient[]) {
    const client = googleClient();
    const parties = await GoogleParties.start({ clients: [client, ...others] });
    ground.atEnd(() => parties.close());
    const { google } = parties;
    const server = await parties.hosted({ name: 'gmail', scopes: gmail });
    const home = scratchFolder();
    const folder = join(home, '.google_workspace_mcp', 'credentials');
    mkdirSync(folder, { recursive: true });
    const endpoints: GoogleEndpoints = {
      ...googleEndpoints,
      issuer: google.issuer,
      token: google.addresses.token,
      userinfo: google.addresses.userInfo,
      origins: [new URL(server.url).origin],
    };
    const entry = { name: 'gmail', url: server.url };
    const options = {
      user: serversSetting([entry], { gmail: { auth: { scopes: gmail } } }),
      google: endpoints,
      environment: { HOME: home },
    };

    /** What a sign-in of `name` has left in google_workspace_mcp. */
    async function tokensOf(name: string, scopes: readonly string[] = gmail) {
      const user = google.users.find(({ email }) => email === `${name}@example.com`);
      assert.ok(user);
      const tokens = await google.signedInElsewhere(user, client, [...identity, ...scopes]);
      return { ...tokens, scopes, expiresAtMs: Date.now() + 3_600_000 };
    }
    const write = (name: string, text: string): string => {
      const path = join(folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    return {
      client,
      google,
      server,
      options,
      folder,
      home,
      tokensOf,
      write,
      hosted: (name: string, scopes: readonly string[]) => parties.hosted({ name, scopes }),
      tokenUri: google.addresses.token,
    };
  }

  type Computer = Awaited<ReturnType<typeof computer>>;

  const fileOf = ({ client, tokenUri }: Computer, tokens: Awaited<ReturnType<Computer['tokensOf']>>) =>
    workspaceFile(client, { ...tokens, tokenUri });

  async function importing(window: BrokerWindow, ...ticks: readonly RegExp[]): Promise<Promise<void>> {
    await window.ready;
    window.editor.window.planPick(found);
    window.editor.window.planTicks(...ticks);
    return window.run('importCredentials');
  }

  it('verifies whose tokens they are, lets servers use them, and deletes exactly the files that were shown', async () => {
    const pc = await computer();
    const tokens = await pc.tokensOf('alice');
    const good = pc.write('alice@example.com.json', fileOf(pc, tokens));
    const ghost = pc.write('bob@example.com.json', fileOf(pc, tokens));
    const cut = pc.write('carol@example.com.json', '{"token":');
    const { window } = ground.window(pc.options);

    const work = importing(window, /alice@example\.com/, /bob@example\.com/);
    const told = await window.editor.window.message(
      /alice@example\.com is imported\. “bob@example\.com” is not imported: its tokens are those of alice@example\.com/,
    );
    const list = window.editor.window.picks.at(-1)?.items ?? [];
    const damaged = list.find(({ label }) => label.includes('carol'));
    assert.match(damaged?.description ?? '', /is damaged: it is not JSON/);
    assert.equal(damaged?.picked, undefined);
    assert.equal(damaged?.detail, '~/.google_workspace_mcp/credentials/carol@example.com.json');

    window.editor.window.planModal(/Delete these files\?/, 'Delete 1 File');
    told.press('Delete the Files…');
    (await window.editor.window.message(/1 file is deleted/)).close();
    await work;
    const detail = `~/.google_workspace_mcp/credentials/\n• ${basename(good)}`;
    assert.equal(window.editor.window.modals[0]?.detail, detail);
    assert.deepEqual([good, ghost, cut].map(existsSync), [false, true, true]);

    const { call } = await window.connect('gmail');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
    assert.deepEqual(window.editor.opened, [], 'No browser was needed.');
    for (const secret of [tokens.refreshToken, tokens.accessToken, pc.client.secret])
      assert.ok(!window.remains.includes(secret));
    await window.close();
    const trail = window.stores.auditLines.filter((line) => line.includes('"import"'));
    assert.match(trail.join('\n'), /"outcome":"imported".*alice@example\.com/);
    assert.match(trail.join('\n'), /"outcome":"another-person"/);
  });

  it('leaves a client with which the same person signs in for another server, whom nobody has to name', async () => {
    const pc = await computer();
    const tokens = await pc.tokensOf('alice');
    pc.write('alice@example.com.json', fileOf(pc, tokens));
    const calendar = 'https://www.googleapis.com/auth/calendar';
    const server = await pc.hosted('calendar', [calendar]);
    const { window } = ground.window(
      {
        ...pc.options,
        user: serversSetting(
          [
            { name: 'gmail', url: pc.server.url },
            { name: 'calendar', url: server.url },
          ],
          { gmail: { auth: { scopes: gmail } }, calendar: { auth: { scopes: [calendar] } } },
        ),
        google: { ...pc.options.google, origins: [...pc.options.google.origins, new URL(server.url).origin] },
      },
      userOf('alice@example.com'),
    );
    const work = importing(window, /alice/);
    (await window.editor.window.message(/alice@example\.com is imported/)).close();
    await work;
    assert.doesNotMatch(JSON.stringify(window.editor.statusBar?.tooltip), /none of your Google clients/);
    await window.signIn(/calendar/);
    assert.match(await (await window.connect('calendar')).call('whoami'), /alice@example\.com/);
  });

  it('asks once which of several accounts a server is to use, and offers the others to choose without a browser', async () => {
    const pc = await computer();
    for (const name of ['alice', 'bob']) {
      const tokens = { ...(await pc.tokensOf(name)), expiresAtMs: Date.now() - 60_000 };
      pc.write(`${name}@example.com.json`, fileOf(pc, tokens));
    }
    const { window } = ground.window(pc.options);
    await window.ready;
    for (const pick of [found]) window.editor.window.planPick(pick);
    window.editor.window.planTicks(/alice/, /bob/);
    window.editor.window.planPick(/bob@example\.com/);
    const work = window.run('importCredentials');
    (await window.editor.window.message(/^Imported: alice@example\.com, bob@example\.com\./)).close();
    await work;
    const asked = () =>
      window.editor.window.picks.filter(({ title }) => title === 'Account for “gmail”').length;
    assert.equal(asked(), 1);
    const { call } = await window.connect('gmail');
    assert.match(await call('whoami'), /^bob@example\.com/);

    await window.run('signIn', /alice@example\.com/);
    const labels = window.editor.window.picks.at(-1)?.items.map(({ label }) => label);
    assert.deepEqual(labels, [
      '$(account) Again as bob@example.com',
      '$(account) alice@example.com',
      '$(person-add) With Another Account…',
    ]);
    assert.match(await (await window.connect('gmail')).call('whoami'), /^alice@example\.com/);
    assert.equal(asked(), 1);
    assert.deepEqual(window.editor.opened, []);
  });

  it('is undone by signing out, here alone or at Google too', async () => {
    const pc = await computer();
    const tokens = await pc.tokensOf('alice');
    pc.write('alice@example.com.json', fileOf(pc, tokens));
    const servers = [{ name: 'gmail', url: pc.server.url }];
    const { window } = ground.window({
      ...pc.options,
      user: serversSetting([...servers, { name: 'mail again', url: pc.server.url }], {
        gmail: { auth: { scopes: gmail } },
        'mail again': { auth: { scopes: gmail } },
      }),
    });
    const work = importing(window, /alice/);
    (await window.editor.window.message(/alice@example\.com is imported/)).close();
    await work;
    const revocations = () => pc.google.requests.filter((request) => request.endsWith('/revoke')).length;

    const here = window.run('signOut', /^gmail/, /Sign Out Here/);
    (
      await window.editor.window.message(
        /of “gmail”\. The sign-in is kept for “mail again”, and nothing was revoked/,
      )
    ).close();
    await here;
    const menu = window.editor.window.picks.at(-1)?.items ?? [];
    assert.match(menu[0]?.detail ?? '', /Only “gmail” stops using it\. These go on: “mail again”\./);
    assert.match(
      menu[1]?.detail ?? '',
      /forgets the account.*stays\. These lose it with “gmail”: “mail again”/,
    );
    assert.match(menu[2]?.detail ?? '', /on other computers too\. These lose it with “gmail”: “mail again”/);
    assert.equal(revocations(), 0);
    assert.equal(await (await window.connect('mail again')).call('whoami'), 'alice@example.com (Alice)');

    const there = window.run('signOut', /Sign Out and Revoke at Google/);
    (await window.editor.window.message(/of “mail again”\. The access was revoked/)).close();
    await there;
    assert.ok(revocations() > 0);
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('waits for a keyring that cannot be read for a moment', async () => {
    const pc = await computer();
    const tokens = await pc.tokensOf('alice');
    pc.write('alice@example.com.json', fileOf(pc, tokens));
    const { window } = ground.window(pc.options);
    await window.ready;
    window.stores.secrets.failNext('get');
    const work = importing(window, /alice/);
    const told = await window.editor.window.message(/imported/);
    told.close();
    await work;
    assert.match(told.text, /^alice@example\.com is imported\./);
    assert.equal(await (await window.connect('gmail')).call('whoami'), 'alice@example.com (Alice)');
  });

  it('keeps what is here and newer', async () => {
    const pc = await computer();
    const tokens = await pc.tokensOf('alice');
    pc.write('alice@example.com.json', fileOf(pc, tokens));
    const stores = new Stores();
    const first = ground.window({ ...pc.options, stores }).window;
    const work = importing(first, /alice/);
    (await first.editor.window.message(/alice@example\.com is imported/)).close();
    await work;
    const again = importing(first, /alice/);
    (await first.editor.window.message(/alice@example\.com is here already, and no older/)).close();
    await again;
  });

  it('says that a grant is dead, and leaves its file alone', async () => {
    const pc = await computer();
    const tokens = await pc.tokensOf('alice');
    const path = pc.write('alice@example.com.json', fileOf(pc, tokens));
    await pc.google.revokeAccess(pc.google.users[0]?.subject ?? '');
    const { window } = ground.window(pc.options);
    const texts: string[] = [];
    // Asked about once more, it says the same.
    for (let times = 0; times < 2; times += 1) {
      const work = importing(window, /alice/);
      const told = await window.editor.window.message(/“alice@example\.com” is not imported:/);
      assert.deepEqual(told.buttons, []);
      texts.push(told.text);
      told.close();
      await work;
    }
    assert.match(
      texts[0] ?? '',
      /Google has ended the sign-in of alice@example\.com .*: the access was revoked,/,
    );
    assert.equal(texts[1], texts[0]);
    assert.ok(existsSync(path));
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('says that tokens were given to another client than their file names, and leaves the file alone', async () => {
    const other = googleClient();
    const pc = await computer(other);
    const tokens = await pc.tokensOf('alice');
    const path = pc.write('alice@example.com.json', fileOf({ ...pc, client: other }, tokens));
    const { window } = ground.window(pc.options);
    const work = importing(window, /alice/);
    const told = await window.editor.window.message(/“alice@example\.com” is not imported:/);
    assert.match(told.text, /belongs to another client than the one that is used now.*Check the client\./);
    assert.deepEqual(told.buttons, []);
    told.close();
    await work;
    assert.ok(existsSync(path));
    assert.deepEqual(window.stores.credentialKeys, []);
    assert.ok(!window.remains.includes(other.secret));
  });

  it('does not offer to delete a file that allows more than what is here', async () => {
    const pc = await computer();
    const path = pc.write('alice@example.com.json', fileOf(pc, await pc.tokensOf('alice')));
    const { window } = ground.window(pc.options);
    const first = importing(window, /alice/);
    (await window.editor.window.message(/alice@example\.com is imported/)).close();
    await first;
    const wider = await pc.tokensOf('alice', [...gmail, 'https://www.googleapis.com/auth/drive']);
    pc.write('alice@example.com.json', fileOf(pc, { ...wider, expiresAtMs: 1_000 }));
    const second = importing(window, /alice/);
    const told = await window.editor.window.message(
      /allows less than the file “alice@example\.com”, which stays/,
    );
    assert.deepEqual(told.buttons, []);
    told.close();
    await second;
    assert.ok(existsSync(path));
  });

  it('sends nothing of a file that is for another token endpoint, and says where a link leads', async () => {
    const pc = await computer();
    const elsewhere = join(pc.home, 'elsewhere.json');
    writeFileSync(elsewhere, '{}');
    symlinkSync(elsewhere, join(pc.folder, 'link@example.com.json'));
    pc.write(
      'alice@example.com.json',
      workspaceFile(pc.client, {
        accessToken: 'a',
        refreshToken: 'r',
        scopes: [],
        expiresAtMs: 0,
        tokenUri: 'https://oauth2.example.com/token',
      }),
    );
    const { window } = ground.window(pc.options);
    const before = pc.google.requests.length;
    const work = importing(window, /alice/);
    (await window.editor.window.message(/it is for another token endpoint than Google’s/)).close();
    await work;
    assert.equal(pc.google.requests.length, before);
    const link = window.editor.window.picks.at(-1)?.items.find(({ label }) => label.includes('link@'));
    assert.match(link?.detail ?? '', /^~\/.*, a link to ~\/elsewhere\.json$/);
  });

  it('offers a folder where nothing is in the usual places', async () => {
    const pc = await computer();
    const { window } = ground.window(pc.options);
    await window.ready;
    window.editor.window.planPath(scratchFolder());
    const work = window.run('importCredentials');
    (await window.editor.window.message(/Nothing to import was found/)).press('Choose a Folder…');
    (
      await window.editor.window.message(/no credential files of google_workspace_mcp in this folder/)
    ).close();
    await work;
  });
});

/** What is stored of a sign-in, as far as another program would keep it. */
interface Kept {
  readonly tokens: {
    readonly accessToken: string;
    readonly refreshToken: string;
    readonly expiresAtMs: number;
  };
  readonly scopes: readonly string[];
  readonly client: { readonly clientId: string; readonly clientSecret?: string };
}

async function recordOf({ stores }: BrokerWindow): Promise<Kept> {
  const [key = ''] = stores.credentialKeys;
  return JSON.parse((await stores.secrets.get(key)) ?? '') as Kept;
}

/** Writes what mcp-remote keeps about a server. @returns the files */
function writeRemote(
  home: string,
  url: string,
  { tokens, scopes, client, issuer }: Kept & { readonly issuer: string },
): readonly string[] {
  const folder = join(home, '.mcp-auth', 'mcp-remote-v1');
  mkdirSync(folder, { recursive: true });
  const hash = createHash('md5').update(url).digest('hex');
  const contents = {
    tokens: {
      access_token: tokens.accessToken,
      refresh_token: tokens.refreshToken,
      token_type: 'Bearer',
      scope: scopes.join(' '),
      expires_at: tokens.expiresAtMs,
      issuer,
    },
    client_info: {
      client_id: client.clientId,
      ...(client.clientSecret !== undefined && { client_secret: client.clientSecret }),
      redirect_uris: [],
    },
  };
  return Object.entries(contents).map(([what, content]) => {
    const path = join(folder, `${hash}_${what}.json`);
    writeFileSync(path, JSON.stringify(content));
    return path;
  });
}

describe('tokens of mcp-remote', () => {
  const ground = useGround();

  /** What a sign-in at Google for a server that somebody else runs has left, as mcp-remote would have written it. */
  async function ofGoogle() {
    const { parties, google, client, window: open } = await googleWorld(ground);
    const mine = await parties.workspace({ scopes: gmail });
    const stores = new Stores();
    const { window: source } = await open({ mine: { server: mine } }, { own: [], stores });
    source.editor.window.planModal(/^Send tokens/, 'Allow');
    await source.signIn();
    const { tokens, scopes } = await recordOf(source);
    await source.close();
    const home = scratchFolder();
    writeRemote(home, mine.url, {
      tokens,
      scopes,
      issuer: google.issuer,
      client: { clientId: client.id, clientSecret: client.secret },
    });
    const { window } = await open(
      { mine: { server: mine, auth: { scopes: gmail } } },
      { own: [], environment: { HOME: home } },
    );
    await window.ready;
    window.editor.window.planPick(found);
    window.editor.window.planTicks(/./);
    return { mine, window };
  }

  it('go to no server that the user has not allowed, where they are Google’s', async () => {
    const { mine, window } = await ofGoogle();
    window.editor.window.planModal(/^Send tokens of alice@example\.com to http:\/\/127\.0\.0\.1/, undefined);
    const work = window.run('importCredentials');
    (await window.editor.window.message(/may not be sent to http:\/\/127\.0\.0\.1/)).close();
    await work;
    assert.deepEqual(window.stores.credentialKeys, []);
    assert.deepEqual([...new Set(mine.requests.map(({ email }) => email))], [undefined]);
  });

  it('are verified and kept for the account, where they are Google’s and the server is allowed', async () => {
    const { mine, window } = await ofGoogle();
    window.editor.window.planModal(/^Send tokens of alice@example\.com to http:\/\/127\.0\.0\.1/, 'Allow');
    const work = window.run('importCredentials');
    (await window.editor.window.message(/alice@example\.com is imported/)).close();
    await work;
    assert.match(await (await window.connect('mine')).call('whoami'), /alice@example\.com/);
    assert.equal(mine.requests.at(-1)?.email, 'alice@example.com');
    assert.equal(window.editor.visits.length, 0);
  });

  it('serve the server that they are for, and are renewed at once, and then by the broker', async () => {
    const { issuer, server, window: source } = await ground.signedIn();
    const record = await recordOf(source);
    await source.close();
    const home = scratchFolder();
    const files = writeRemote(home, server.url, { ...record, issuer: issuer.issuer });

    const { window } = ground.window({ user: serversSetting([server]), environment: { HOME: home } });
    await window.ready;
    window.editor.window.planPick(found);
    window.editor.window.planTicks(/tickets|http/);
    const work = window.run('importCredentials');
    const told = await window.editor.window.message(/alice@example\.com is imported/);
    window.editor.window.planModal(/Delete these files/, 'Delete 2 Files');
    told.press('Delete the Files…');
    (await window.editor.window.message(/2 files are deleted/)).close();
    await work;
    const names = files.map((path) => `• ${basename(path)}`);
    assert.deepEqual(window.editor.window.modals[0]?.detail.split('\n'), [
      `~/${relative(home, dirname(files[0] ?? ''))}/`,
      ...names,
    ]);
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    window.clock.leap(55_000);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.deepEqual([issuer.counts().refreshes, window.editor.opened.length], [2, 0]);
  });

  it('are those that the file has when they are imported, though they were renewed while the list was open', async () => {
    const { issuer, server, window: source } = await ground.signedIn();
    const home = scratchFolder();
    const save = async () =>
      writeRemote(home, server.url, { ...(await recordOf(source)), issuer: issuer.issuer });
    const [path = ''] = await save();
    const { window } = ground.window({ user: serversSetting([server]), environment: { HOME: home } });
    await window.ready;
    window.editor.window.planPick(found);
    window.editor.window.planTicks(/tickets|http/);
    window.editor.window.whileTicking = async () => {
      await source.run('refreshNow');
      await save();
    };
    const work = window.run('importCredentials');
    (await window.editor.window.message(/alice@example\.com is imported/)).close();
    await work;
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refusedRefreshes, 0);
    assert.ok(existsSync(path));
    await source.close();
  });

  it('are not imported when their file has gone while the list was open', async () => {
    const { issuer, server, window: source } = await ground.signedIn();
    const home = scratchFolder();
    const files = writeRemote(home, server.url, { ...(await recordOf(source)), issuer: issuer.issuer });
    await source.close();
    const { window } = ground.window({ user: serversSetting([server]), environment: { HOME: home } });
    await window.ready;
    window.editor.window.planPick(found);
    window.editor.window.planTicks(/tickets|http/);
    window.editor.window.whileTicking = () => {
      for (const path of files) rmSync(path);
      return Promise.resolve();
    };
    const work = window.run('importCredentials');
    (await window.editor.window.message(/is not imported: its file has gone since it was found/)).close();
    await work;
    assert.deepEqual(window.stores.credentialKeys, []);
  });
});
