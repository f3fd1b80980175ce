import assert from 'node:assert/strict';
import { googleScope } from '../../src/google/services.js';
import { until } from '../support/broker-window.js';
import { googleServers, googleWorld } from '../support/google/google-journeys.js';
import { listen } from '../support/listener.js';
import { failedSignIn, useGround } from '../support/ground.js';

const modify = googleScope('gmail.modify');
const folder = 'file:///home/alice/project';

describe('a token of Google’s, which anybody could use who gets it', () => {
  const ground = useGround();

  it('goes to no server that a workspace names, even an allowed one, before the user has allowed its address for the account', async () => {
    const { parties, google, hosted, window: open } = await googleWorld(ground);
    const gmail = await hosted('gmail', [modify]);
    const evil = await parties.workspace({ scopes: [modify] });
    const proposal = { evil: { server: evil, auth: { issuer: google.issuer, scopes: [modify] } } };
    const { window } = await open(
      { gmail: { server: gmail, auth: { scopes: [modify] } } },
      { workspace: { 'mcpCredentials.servers': googleServers(proposal) }, folder },
    );
    await window.ready;
    (await window.editor.window.message(/wants to use the MCP server “evil”/)).press('Allow');
    await window.offers('evil');
    await window.signIn(/gmail/);
    const failing = window.connect('evil');
    (await window.editor.window.message(/“evil” needs you to sign in/)).close();
    await assert.rejects(failing);
    window.editor.window.planModal(
      /^Send tokens of alice@example\.com to http:\/\/127\.0\.0\.1:\d+, /,
      undefined,
    );
    await failedSignIn(window, /may not be sent to/, /evil/);
    assert.ok(evil.requests.every(({ hasCredential }) => !hasCredential));
    assert.equal(window.editor.visits.length, 1);
  });

  it('does not follow a server that moves while a call waits', async () => {
    const { parties, google, hosted, window: open } = await googleWorld(ground);
    const gmail = await hosted('gmail', [modify]);
    const evil = await parties.workspace({ scopes: [modify] });
    const { window } = await open({ gmail: { server: gmail } });
    await window.signIn();
    const { call } = await window.connect('gmail');
    await google.revokeAccess('110248495921238986420');
    window.clock.leap(7_200_000);
    google.advanceClock(7_200_000);
    const waiting = call('whoami').catch((error: unknown) => String(error));
    await window.editor.window.message(/waits for you to sign in again/);
    await window.waiting(1);
    window.editor.settings.set('user', 'mcpCredentials.servers', googleServers({ gmail: { server: evil } }));
    await until(() => /signed out/.test(window.editor.statusBar?.text ?? ''));
    window.editor.window.planModal(/^Send tokens/, undefined);
    await failedSignIn(window, /may not be sent to/);
    window.clock.leap(300_000);
    await waiting;
    assert.ok(evil.requests.every(({ hasCredential }) => !hasCredential));
  });

  it('is not carried along by a redirect', async () => {
    const { hosted, window: open } = await googleWorld(ground);
    const gmail = await hosted('gmail', [modify]);
    const asked: string[] = [];
    const elsewhere = await listen('127.0.0.1');
    elsewhere.serve((req, res) => {
      asked.push(req.headers.authorization ?? '');
      res.writeHead(200).end();
    });
    const redirecting = await listen('127.0.0.1');
    redirecting.serve((_req, res) => {
      res.writeHead(307, { location: elsewhere.origin }).end();
    });
    ground.atEnd(() => Promise.all([elsewhere.close(), redirecting.close()]));
    const auth = { scopes: [modify] };
    const moved = { url: `${redirecting.origin}/mcp/v1` };
    const { window } = await open({ gmail: { server: gmail, auth }, moved: { server: moved, auth } });
    await window.signIn(/gmail/);
    await assert.rejects(window.connect('moved'));
    assert.deepEqual(asked, []);
  });

  it('is forgotten for an address by nobody else’s word: what was allowed for one account holds for no other', async () => {
    const { parties, window: open } = await googleWorld(ground);
    const mine = await parties.workspace({ scopes: [modify] });
    const { window, browser } = await open({ mine: { server: mine } }, { own: [] });
    window.editor.window.planModal(/^Send tokens/, 'Allow');
    await window.signIn();
    browser.user = { username: 'bob@example.com', password: 'bob@example.com', decision: 'allow' };
    window.editor.window.planModal(/^Send tokens of bob@example\.com/, undefined);
    await window.ready;
    await failedSignIn(window, /The tokens of bob@example\.com may not be sent to/, /With Another Account/);
    assert.equal(window.stores.credentialKeys.length, 1);
    assert.deepEqual([...new Set(mine.requests.map(({ email }) => email))], [undefined]);
  });

  it('goes nowhere any more for which the user has taken the word back, while a session there is open', async () => {
    const { hosted, parties, window: open } = await googleWorld(ground);
    const gmail = await hosted('gmail', [modify]);
    const mine = await parties.workspace({ scopes: [modify] });
    const auth = { scopes: [modify] };
    const { window } = await open(
      { gmail: { server: gmail, auth }, mine: { server: mine, auth } },
      { own: [gmail] },
    );
    await window.signIn(/gmail/);
    window.editor.window.planModal(/^Send tokens of alice@example\.com/, 'Allow');
    await window.run('signIn', /mine/);
    const { call } = await window.connect('mine');
    await call('whoami');
    const sent = () => mine.requests.filter(({ hasCredential }) => hasCredential).length;
    const before = sent();
    assert.ok(before > 0);

    const taking = window.run('showStatus', /^mine/, /Allowed Addresses/, /127\.0\.0\.1/);
    (
      await window.editor.window.message(/Tokens of alice@example\.com are not sent to http.* any more/)
    ).close();
    await taking;
    const waiting = call('whoami').catch((error: unknown) => String(error));
    (await window.editor.window.message(/“mine” needs you to sign in/)).close();
    await window.waiting(1);
    window.clock.leap(300_000);
    await waiting;
    assert.equal(sent(), before, 'Nothing is sent after that.');
    assert.match(await (await window.connect('gmail')).call('whoami'), /alice@example\.com/);
    window.editor.window.planModal(/^Send tokens of alice@example\.com/, undefined);
    await failedSignIn(window, /may not be sent to/, /mine/);
    assert.equal(sent(), before);
  });

  it('needs a new word for an address once the account has been signed out of its last server', async () => {
    const { parties, window: open } = await googleWorld(ground);
    const mine = await parties.workspace({ scopes: [modify] });
    const { window } = await open({ mine: { server: mine } }, { own: [] });
    await window.ready;
    window.editor.window.planModal(/^Send tokens/, 'Allow');
    await window.signIn();
    const signOut = window.run('signOut', /Sign Out Here/);
    (await window.editor.window.message(/Signed out alice/)).close();
    await signOut;
    window.editor.window.planModal(/^Send tokens/, undefined);
    await failedSignIn(window, /may not be sent to/);
    assert.equal(window.editor.window.modals.length, 2);
  });

  it('that allows more than the user was asked about goes to no allowed address before they are asked anew', async () => {
    const { parties, hosted, window: open } = await googleWorld(ground);
    const mine = await parties.workspace({ scopes: [modify] });
    const drive = await hosted('drive', [googleScope('drive')]);
    const { window } = await open({ mine: { server: mine }, drive: { server: drive } }, { own: [drive] });
    window.editor.window.planModal(/^Send tokens/, 'Allow');
    await window.signIn(/mine/);
    const { call } = await window.connect('mine');
    assert.match(await call('whoami'), /alice@example\.com/);
    await window.signIn(/drive/);
    const before = mine.requests.filter(({ hasCredential }) => hasCredential).length;
    const refused = call('whoami').catch((error: unknown) => String(error));
    (await window.editor.window.message(/“mine” needs you to sign in/)).close();
    assert.equal(mine.requests.filter(({ hasCredential }) => hasCredential).length, before);
    window.editor.window.planModal(/^Send tokens of alice@example\.com/, 'Allow');
    await window.run('signIn', /mine/);
    assert.match(
      window.editor.window.modals.at(-1)?.detail ?? '',
      /Drive: read, change and delete all files/,
    );
    await refused;
    assert.match(await (await window.connect('mine')).call('whoami'), /alice@example\.com/);
    assert.equal(window.editor.visits.length, 2);
  });

  it('cannot be claimed by a setting that says where Google’s tokens may go', async () => {
    const { google, parties, window: open } = await googleWorld(ground);
    const evil = await parties.workspace({ scopes: [modify] });
    const { window } = await open(
      { evil: { server: evil } },
      {
        own: [],
        environment: {
          MCP_CREDENTIALS_ISSUER_QUIRKS: JSON.stringify({
            [google.issuer]: { noAudience: { origins: [new URL(evil.url).origin] } },
          }),
        },
      },
    );
    await window.ready;
    assert.ok(window.log(/"noAudience" is not known here/));
  });
});
