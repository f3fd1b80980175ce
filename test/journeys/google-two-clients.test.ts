import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { googleScope } from '../../src/google/services.js';
import { addClient } from '../support/google/client-download.js';
import { workspaceFile } from '../support/google/credential-files.js';
import { clientFile, googleClient } from '../support/google/google-clients.js';
import { googleServers, googleWorld } from '../support/google/google-journeys.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { useGround } from '../support/ground.js';

const [read, modify, drive, calendar] = ['gmail.readonly', 'gmail.modify', 'drive', 'calendar'].map(
  googleScope,
) as [string, string, string, string];
const identity = ['openid', 'https://www.googleapis.com/auth/userinfo.email'];

describe('an account that signs in with our client, and is imported from a program with a client of its own', () => {
  const ground = useGround();

  /** Alice has signed in for “gmail”. @param imported - what her other program was granted */
  async function world(imported: readonly string[]) {
    const other = googleClient();
    const { client, google, hosted, window: open } = await googleWorld(ground, googleClient(), other);
    const mail = await hosted('gmail', [modify]);
    const reader = await hosted('reader', [read, modify]);
    const files = await hosted('drive', [drive]);
    const dates = await hosted('calendar', [calendar]);
    const home = scratchFolder();
    const { window } = await open(
      {
        gmail: { server: mail, auth: { scopes: [modify] } },
        reader: { server: reader },
        drive: { server: files, auth: { scopes: [drive] } },
        calendar: { server: dates, auth: { scopes: [calendar] } },
      },
      { environment: { HOME: home } },
    );
    await window.ready;
    await addClient(window, clientFile(client));
    await window.signIn(/gmail/);
    const [alice] = google.users;
    assert.ok(alice);
    const tokens = await google.signedInElsewhere(alice, other, [...identity, ...imported]);
    const folder = join(home, '.google_workspace_mcp', 'credentials');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'alice@example.com.json'),
      workspaceFile(other, {
        ...tokens,
        scopes: [...imported],
        expiresAtMs: Date.now() - 86_400_000,
        tokenUri: google.addresses.token,
      }),
    );
    window.editor.window.planPick(/What Was Found/);
    window.editor.window.planTicks(/alice/);
    const work = window.run('importCredentials');
    const told = await window.editor.window.message(/./);
    const { text, buttons } = told;
    told.close();
    await work;
    const clientIds = () =>
      window.stores.credentialKeys.map((key) => (JSON.parse(key.slice(key.indexOf('['))) as string[])[1]);
    const visitedScopes = async () => {
      const visit = await window.editor.visits.at(-1);
      return new URL(visit?.visited[0] ?? 'x:').searchParams.get('scope')?.split(' ') ?? [];
    };
    const whoami = async (label: string) => (await window.connect(label)).call('whoami');
    const revocations = () => google.requests.filter((request) => request.endsWith('/revoke')).length;
    return {
      client,
      other,
      window,
      google,
      reader,
      told: { text, buttons },
      clientIds,
      visitedScopes,
      whoami,
      revocations,
    };
  }

  it('keeps one grant where that allows all of the other, whose file can go', async () => {
    const { client, told, clientIds, whoami } = await world([read]);
    assert.match(told.text, /alice@example\.com is here already, and no older/);
    assert.deepEqual(told.buttons, ['Delete the Files…']);
    assert.deepEqual(clientIds(), [client.id]);
    assert.match(await whoami('gmail'), /alice@example\.com/);
  });

  it('has the wider grant take the place of the other, and its servers go on', async () => {
    const { other, told, window, clientIds, whoami } = await world([modify, drive]);
    assert.match(told.text, /^alice@example\.com is imported\./);
    assert.deepEqual(clientIds(), [other.id]);
    for (const label of ['gmail', 'drive']) assert.match(await whoami(label), /alice@example\.com/);
    assert.equal(window.editor.visits.length, 1);
  });

  describe('where neither grant allows all of the other', () => {
    it('has both, and a server that one of them serves needs no browser', async () => {
      const { client, other, window, clientIds, whoami } = await world([read, drive]);
      assert.deepEqual(clientIds().sort(), [client.id, other.id].sort());
      assert.match(await whoami('drive'), /alice@example\.com/);
      await window.run('signIn', /reader/);
      assert.match(await whoami('reader'), /alice@example\.com/);
      assert.equal(window.editor.visits.length, 1);
    });

    it('is asked once, and for all, when a further server needs more, and has one grant from then on', async () => {
      const { client, window, clientIds, visitedScopes, whoami } = await world([read, drive]);
      await window.run('signIn', /calendar/);
      assert.equal(window.editor.visits.length, 2);
      const asked = await visitedScopes();
      for (const scope of [modify, drive, calendar]) assert.ok(asked.includes(scope), scope);
      assert.deepEqual(clientIds(), [client.id]);
      for (const label of ['gmail', 'drive', 'calendar'])
        assert.match(await whoami(label), /alice@example\.com/);
    });

    it('loses both when it is signed out everywhere, and no later server finds it', async () => {
      const { window, reader, revocations } = await world([read, drive]);
      const out = window.run('signOut', /^gmail/, /Revoke at Google/);
      (await window.editor.window.message(/of “gmail”\. The access was revoked/)).close();
      await out;
      const menu = window.editor.window.picks.at(-1)?.items ?? [];
      assert.match(menu.at(-1)?.detail ?? '', /These lose it with “gmail”: “drive”/);
      assert.deepEqual(window.stores.credentialKeys, []);
      assert.ok(revocations() >= 2);
      const late = { late: { server: reader, auth: { scopes: [read] } } };
      window.editor.settings.set('user', 'mcpCredentials.servers', googleServers(late));
      const asked = window.editor.window.message(/“late” needs you to sign in/);
      await assert.rejects(
        window.connect('late').then(({ call }) => call('whoami')),
        /Nobody is signed in/,
      );
      (await asked).close();
    });

    it('keeps the one that another server uses when a server alone is signed out', async () => {
      const { other, window, clientIds, whoami, revocations } = await world([read, drive]);
      await whoami('drive');
      const out = window.run('signOut', /^gmail/, /Sign Out Here/);
      (
        await window.editor.window.message(/The sign-in is kept for “drive”, and nothing was revoked/)
      ).close();
      await out;
      assert.deepEqual(clientIds(), [other.id]);
      assert.match(await whoami('drive'), /alice@example\.com/);
      assert.equal(revocations(), 0);
      const last = window.run('signOut', /Sign Out Here/);
      (await window.editor.window.message(/this editor has forgotten the sign-in/)).close();
      await last;
      assert.deepEqual(window.stores.credentialKeys, []);
    });
  });
});
