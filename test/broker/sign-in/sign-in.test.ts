import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/broker.js';
import { hasCode, type ErrorCode } from '../../../src/core/errors.js';
import type { ServerId } from '../../../src/core/server.js';
import {
  startAuthorizationServer,
  type TestAuthorizationServer,
} from '../../support/authorization-server.js';
import { FormBrowser, type BrowserUser } from '../../support/form-browser.js';
import { startMcpServer, type TestMcpServer } from '../../support/mcp-server.js';
import { notes, Profile, serverAt, until } from '../window.js';

const soon = () => new Promise((resolve) => setImmediate(resolve));

const fails = (work: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(work, (error) => hasCode(error, code));

const at = (username: string, decision: BrowserUser['decision'] = 'allow') =>
  new FormBrowser({ username, password: username, decision });

describe('a sign-in', () => {
  let issuer: TestAuthorizationServer;
  let mcp: TestMcpServer;
  let profile: Profile;

  before(async () => {
    issuer = await startAuthorizationServer({ accessTokenSeconds: 60 });
    mcp = await startMcpServer({ issuer: issuer.issuer, name: 'notes', answers: 'json' });
  });
  beforeEach(() => {
    profile = new Profile();
  });
  afterEach(() => profile.close());
  after(async () => {
    await mcp.close();
    await issuer.close();
  });

  /** Asks the real MCP server who calls. */
  async function whoami(broker: Broker, id = notes): Promise<number> {
    const { token } = await broker.accessToken(id);
    const answer = await fetch(mcp.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token.reveal()}`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    await answer.body?.cancel();
    return mcp.requests.at(-1)?.subject === undefined ? 401 : answer.status;
  }

  it('ends with a token that the server accepts, and a page that says so', async () => {
    const { broker, visits } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    const account = await broker.signIn(notes, 'any');
    assert.deepEqual(account, { issuer: issuer.issuer, subject: 'alice', label: 'alice@example.com' });
    const page = await visits[0];
    assert.equal(page?.status, 200);
    assert.match(page.text, /signed-in.*alice@example\.com for notes/);
    assert.notEqual(await whoami(broker), 401);
    assert.equal(mcp.requests.at(-1)?.subject, 'alice');
    assert.equal(broker.state(notes).kind, 'ready');
  });

  for (const times of [1, 2, 5])
    it(`is kept though the keyring cannot be read when the browser comes back, ${times}×`, async () => {
      const { broker } = profile.window((url) => {
        profile.secrets.failNext('get', times);
        void at('alice').open(url);
        return Promise.resolve(true);
      });
      await broker.setServers([serverAt(mcp.url)]);
      assert.equal((await broker.signIn(notes, 'any')).subject, 'alice');
      assert.equal(broker.state(notes).kind, 'ready');
    });

  it('is what binds the server, also when the news of what it has saved comes first', async () => {
    let letStore = (): void => undefined;
    const { broker } = profile.window((url) => {
      letStore = profile.secrets.hold('store');
      void at('alice').open(url);
      return Promise.resolve(true);
    });
    await broker.setServers([serverAt(mcp.url)]);
    const signingIn = broker.signIn(notes, 'any');
    const isInJournal = () => [...profile.journal.texts.keys()].some((name) => /^[0-9a-f]{32}$/.test(name));
    while (!isInJournal()) await soon();
    for (let turn = 0; turn < 20; turn++) await soon();
    letStore();
    await signingIn;
    const bindings = profile.audit.events.filter(({ kind }) => kind === 'binding');
    assert.deepEqual(
      bindings.map(({ outcome, server }) => [outcome, server]),
      [['signed-in', notes]],
    );
  });

  it('is counted and recorded, also when it fails', async () => {
    const { broker, counters } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    const account = await broker.signIn(notes, 'any');
    const { broker: other, counters: others } = profile.window(() => Promise.resolve(false));
    await other.setServers([serverAt(mcp.url)]);
    await fails(other.signIn(notes, 'same'), 'browser_unavailable');
    assert.deepEqual([counters.get('signIns.completed'), others.get('signIns.failed')], [1, 1]);
    const { token } = await broker.accessToken(notes);
    const signIns = profile.audit.events.filter(({ kind }) => kind === 'sign-in');
    const { resource, generation, scopes, ...first } = signIns[0] ?? {};
    assert.deepEqual([resource, generation, scopes?.length], [mcp.url, 1, 1]);
    assert.deepEqual(first, { kind: 'sign-in', outcome: 'completed', server: notes, account, token });
    const failed = {
      kind: 'sign-in',
      outcome: 'failed',
      server: notes,
      account,
      code: 'browser_unavailable',
    };
    assert.deepEqual(signIns[1], failed);
  });

  it('is not begun more than five times in a minute', async () => {
    const { broker } = profile.window(() => Promise.resolve(false));
    await broker.setServers([serverAt(mcp.url)]);
    for (let n = 0; n < 5; n++) await fails(broker.signIn(notes, 'any'), 'browser_unavailable');
    await fails(broker.signIn(notes, 'any'), 'too_many_attempts');
    assert.equal(broker.state(notes).kind, 'signed-out');
    profile.clock.advance(60_000);
    await fails(broker.signIn(notes, 'any'), 'browser_unavailable');
  });

  it('is durable before the page says that it worked', async () => {
    const { broker, visits } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    await broker.signIn(notes, 'any'); // Registers us, so that the second one stores the credential alone.
    profile.secrets.asked.length = 0;
    const release = profile.secrets.hold('store');
    const signingIn = broker.signIn(notes, 'any');
    while (profile.secrets.asked.at(-1)?.[0] !== 'store')
      await new Promise((resolve) => setImmediate(resolve));
    let isShown = false;
    const shown = visits[1]?.then(({ text }) => {
      isShown = true;
      return text;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([isShown, broker.state(notes).kind], [false, 'signing-in']);
    release();
    await signingIn;
    assert.match((await shown) ?? '', /signed-in/);
  });

  it('says on the page and here that it failed when it cannot be saved', async () => {
    const { broker, visits } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    await broker.signIn(notes, 'any');
    profile.secrets.failNext('store');
    profile.journal.failNext('write');
    await fails(broker.signIn(notes, 'any'), 'vault_write_failed');
    assert.match((await visits[1])?.text ?? '', /failed/);
  });

  it('registers once and signs in again with the same client, on the same port', async () => {
    const { broker } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    const before = issuer.counts().registrations;
    await broker.signIn(notes, 'any');
    await broker.signIn(notes, 'same');
    assert.equal(issuer.counts().registrations, before + 1);
  });

  it('registers anew when the issuer has forgotten the client', async () => {
    const { broker } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    await broker.signIn(notes, 'any');
    issuer.forgetClients();
    await fails(broker.refreshNow(notes), 'grant_refused');
    const state = broker.state(notes);
    assert.ok(state.kind === 'needs-sign-in' && state.reason === 'client-gone');
    await broker.signIn(notes, 'same');
    assert.notEqual(await whoami(broker), 401);
  });

  it('under another registration takes the place of the same account in every window', async () => {
    const { broker } = profile.window(at('alice'));
    const { broker: other, wanted } = profile.window(undefined, 'file:///b');
    await broker.setServers([serverAt(mcp.url)]);
    await broker.signIn(notes, 'any');
    await other.setServers([serverAt(mcp.url)]);
    const before = (await other.accessToken(notes)).token.reveal();
    profile.secrets.values.delete(`client:${issuer.issuer}`);
    await broker.signIn(notes, 'any');
    const { token } = await broker.accessToken(notes);
    await until(other, () => other.state(notes).kind === 'ready');
    while ((await other.accessToken(notes)).token.reveal() === before) await soon();
    assert.ok((await other.accessToken(notes)).token.equals(token));
    assert.deepEqual(wanted, []);
  });

  it('lets a call that waits for it go on', async () => {
    const { broker, wanted } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    const waiting = broker.signedIn(notes, new AbortController().signal);
    assert.equal(wanted.length, 1);
    await broker.signIn(notes, 'any');
    await waiting;
    assert.equal((await broker.accessToken(notes)).account.subject, 'alice');
  });

  it('is shown while it lasts', async () => {
    const { broker } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    const seen: string[] = [];
    broker.onDidChange(() => seen.push(broker.state(notes).kind));
    await broker.signIn(notes, 'any');
    assert.equal(seen[0], 'signing-in');
    assert.ok(!seen.slice(seen.indexOf('ready')).includes('signing-in'), seen.join(' '));
    assert.equal(seen.at(-1), 'ready');
  });

  it('replaces a dead grant, counts on, and is used at once', async () => {
    const { broker, wanted } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    await broker.signIn(notes, 'any');
    issuer.revokeGrants('alice');
    await fails(broker.refreshNow(notes), 'grant_refused');
    assert.equal(wanted.length, 1);
    await broker.signIn(notes, 'same');
    assert.equal(broker.state(notes).kind, 'ready');
    await broker.refreshNow(notes);
    // A second death is another cause, so that the user is asked again.
    issuer.revokeGrants('alice');
    await fails(broker.refreshNow(notes), 'grant_refused');
    assert.equal(new Set(wanted.map(({ cause }) => cause)).size, 2);
  });

  it('as somebody else leaves each server its own account', async () => {
    const mail = 'mail' as ServerId;
    const { broker } = profile.window((url) => {
      const hint = new URL(url).searchParams.get('login_hint') ?? 'alice@example.com';
      void at(hint.replace('@example.com', '')).open(url);
      return Promise.resolve(true);
    });
    await broker.setServers([
      serverAt(mcp.url, { account: 'alice@example.com' }),
      serverAt(mcp.url, { account: 'bob@example.com' }, mail),
    ]);
    await broker.signIn(notes, 'any');
    assert.equal(broker.state(mail).kind, 'signed-out');
    await broker.signIn(mail, 'any');
    await whoami(broker, notes);
    assert.equal(mcp.requests.at(-1)?.subject, 'alice');
    await whoami(broker, mail);
    assert.equal(mcp.requests.at(-1)?.subject, 'bob');
  });

  describe('is refused', () => {
    it('when somebody else than the bound account comes back', async () => {
      const browser = at('alice');
      const { broker, visits } = profile.window(browser);
      await broker.setServers([serverAt(mcp.url)]);
      await broker.signIn(notes, 'any');
      browser.user = { username: 'bob', password: 'bob', decision: 'allow' };
      const { broker: other } = profile.window((url) => {
        // The hint is advice, and whoever sits there may ignore it.
        const ignoring = new URL(url);
        ignoring.searchParams.delete('login_hint');
        ignoring.searchParams.set('prompt', 'login');
        visits.push(browser.open(ignoring.href));
        return Promise.resolve(true);
      });
      await other.setServers([serverAt(mcp.url)]);
      await fails(other.signIn(notes, 'same'), 'wrong_account');
      assert.equal(other.account(notes)?.subject, 'alice');
      assert.match((await visits.at(-1))?.text ?? '', /failed/);
      assert.ok([...profile.secrets.values.keys()].every((key) => !key.includes('"bob"')));
    });

    it('when somebody else than the account in the settings comes back', async () => {
      const { broker } = profile.window(at('bob'));
      await broker.setServers([serverAt(mcp.url, { account: 'alice@example.com' })]);
      await fails(broker.signIn(notes, 'any'), 'wrong_account');
      assert.equal(broker.state(notes).kind, 'signed-out');
    });

    it('when the user says no', async () => {
      const { broker, visits } = profile.window(at('alice', 'cancel'));
      await broker.setServers([serverAt(mcp.url)]);
      await fails(broker.signIn(notes, 'any'), 'authorization_denied');
      assert.match((await visits[0])?.text ?? '', /failed/);
    });

    it('when the configured issuer is not one that the server names', async () => {
      const { broker } = profile.window();
      await broker.setServers([serverAt(mcp.url, { issuer: 'https://as.example.com' })]);
      await fails(broker.signIn(notes, 'any'), 'issuer_not_offered');
    });

    it('when the browser cannot be opened', async () => {
      const { broker } = profile.window(() => Promise.resolve(false));
      await broker.setServers([serverAt(mcp.url)]);
      await fails(broker.signIn(notes, 'any'), 'browser_unavailable');
    });

    it('when the token endpoint is out of order, and nothing is kept', async () => {
      const { broker, visits } = profile.window(at('alice'));
      await broker.setServers([serverAt(mcp.url)]);
      issuer.failNext('token', { status: 503 });
      await fails(broker.signIn(notes, 'any'), 'issuer_unreachable');
      assert.match((await visits[0])?.text ?? '', /failed/);
      assert.equal(broker.state(notes).kind, 'signed-out');
    });

    it('for a server there is not', async () => {
      const { broker } = profile.window();
      await fails(broker.signIn(notes, 'any'), 'server_unknown');
    });
  });

  describe('is given up', () => {
    /** A browser whose user has gone for a coffee. */
    function waiting() {
      const opened: string[] = [];
      const window = profile.window((url) => {
        opened.push(url);
        return Promise.resolve(true);
      });
      const isOpen = async () => {
        while (opened.length === 0) await new Promise((resolve) => setImmediate(resolve));
      };
      return { ...window, opened, isOpen };
    }

    it('after five minutes without anybody coming back', async () => {
      const { broker, isOpen } = waiting();
      await broker.setServers([serverAt(mcp.url)]);
      const signingIn = fails(broker.signIn(notes, 'any'), 'sign_in_timeout');
      await isOpen();
      await profile.clock.armed(300_000);
      profile.clock.advance(299_999);
      assert.equal(broker.state(notes).kind, 'signing-in');
      profile.clock.advance(1);
      await signingIn;
      assert.equal(broker.state(notes).kind, 'signed-out');
    });

    it('by the user', async () => {
      const { broker, isOpen } = waiting();
      await broker.setServers([serverAt(mcp.url)]);
      const signingIn = fails(broker.signIn(notes, 'any'), 'sign_in_cancelled');
      await isOpen();
      broker.cancelSignIn(notes);
      await signingIn;
    });

    it('for a newer one, which goes on', async () => {
      const { broker, opened, isOpen } = waiting();
      await broker.setServers([serverAt(mcp.url)]);
      const first = fails(broker.signIn(notes, 'any'), 'sign_in_cancelled');
      await isOpen();
      const second = broker.signIn(notes, 'any');
      await first;
      assert.equal(broker.state(notes).kind, 'signing-in');
      while (opened.length < 2) await new Promise((resolve) => setImmediate(resolve));
      void at('alice').open(opened[1] ?? '');
      assert.equal((await second).subject, 'alice');
    });

    it('when its server leaves the settings', async () => {
      const { broker, isOpen } = waiting();
      await broker.setServers([serverAt(mcp.url)]);
      const signingIn = fails(broker.signIn(notes, 'any'), 'sign_in_cancelled');
      await isOpen();
      await broker.setServers([]);
      await signingIn;
    });

    it('when the user signs out', async () => {
      const { broker, isOpen } = waiting();
      await broker.setServers([serverAt(mcp.url)]);
      const signingIn = fails(broker.signIn(notes, 'any'), 'sign_in_cancelled');
      await isOpen();
      assert.equal(await broker.signOut(notes), 'was-signed-out');
      await signingIn;
    });

    it('when the window closes', async () => {
      const { broker, isOpen } = waiting();
      await broker.setServers([serverAt(mcp.url)]);
      const signingIn = fails(broker.signIn(notes, 'any'), 'sign_in_cancelled');
      await isOpen();
      await broker.close();
      await signingIn;
    });
  });

  describe('asks the authorization server', () => {
    async function asked(given: { account?: string; knows?: boolean; who?: 'same' | 'any' }) {
      const alice = at('alice');
      const opened: URL[] = [];
      const { broker } = profile.window((url) => {
        opened.push(new URL(url));
        void alice.open(url);
        return Promise.resolve(true);
      });
      const auth = given.account === undefined ? {} : { account: given.account };
      await broker.setServers([serverAt(mcp.url, auth)]);
      if (given.knows === true) await broker.signIn(notes, 'any');
      await broker.signIn(notes, given.who ?? 'any');
      const query = opened.at(-1)?.searchParams;
      return {
        hint: query?.get('login_hint'),
        prompt: query?.get('prompt'),
        scope: query?.get('scope'),
        resource: query?.get('resource'),
      };
    }

    it('for nobody in particular the first time, with the resource and its scopes', async () => {
      assert.deepEqual(await asked({}), {
        hint: null,
        prompt: 'consent',
        scope: 'openid profile email offline_access mcp:read',
        resource: mcp.url,
      });
    });
    it('for the account in the settings', async () => {
      const { hint, prompt } = await asked({ account: 'alice@example.com' });
      assert.deepEqual([hint, prompt], ['alice@example.com', 'consent']);
    });
    it('for the same account, when it signs in again', async () => {
      const { hint, prompt } = await asked({ knows: true, who: 'same' });
      assert.deepEqual([hint, prompt], ['alice@example.com', 'consent']);
    });
    it('for another account than the one of which a call needs more: for that, and not for what the first was granted', async () => {
      const browsers = [at('alice'), at('bob')];
      const opened: URL[] = [];
      const { broker } = profile.window((url) => {
        opened.push(new URL(url));
        void browsers[opened.length - 1]?.open(url);
        return Promise.resolve(true);
      });
      const own = ['openid', 'email'];
      await broker.setServers([serverAt(mcp.url, { scopes: [...own, 'mcp:write'] })]);
      await broker.signIn(notes, 'any');
      await broker.setServers([serverAt(mcp.url, { scopes: own })]);
      const challenge = 'Bearer error="insufficient_scope", scope="mcp:read"';
      const narrow = await broker.accessToken(notes);
      const { signal } = new AbortController();
      const waiting = broker.widerToken(notes, undefined, narrow, [challenge], signal);
      await until(broker, () => broker.stepUp(notes) !== undefined);
      await broker.signIn(notes, 'another');
      assert.equal((await waiting).account.subject, 'bob');
      const scopes = opened.map((url) => url.searchParams.get('scope')?.split(' ') ?? []);
      assert.ok(scopes[0]?.includes('mcp:write'));
      assert.ok(scopes[1]?.includes('mcp:read') && !scopes[1].includes('mcp:write'));
    });

    it('to let the user choose, when there is somebody already', async () => {
      const { hint, prompt } = await asked({ knows: true, who: 'any' });
      assert.deepEqual([hint, prompt], [null, 'select_account consent']);
    });
  });

  it('ends a renewal that was under way with the tokens of the sign-in', async () => {
    const { broker } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    await broker.signIn(notes, 'any');
    issuer.failNext('token', 'reset');
    profile.clock.sleep(55_000);
    await fails(broker.accessToken(notes), 'issuer_unreachable');
    assert.equal(broker.state(notes).kind, 'retrying');
    await broker.signIn(notes, 'same');
    await until(broker, () => broker.state(notes).kind === 'ready');
    assert.notEqual(await whoami(broker), 401);
  });

  it('leaves no secret in log, globalState or state', async () => {
    const { broker } = profile.window(at('alice'));
    await broker.setServers([serverAt(mcp.url)]);
    await broker.signIn(notes, 'any');
    broker.sessionOpened(notes, 's-1', await broker.accessToken(notes));
    await broker.refreshNow(notes);
    issuer.failNext('token', { status: 403, body: 'blocked' });
    await fails(broker.refreshNow(notes), 'issuer_unreachable');
    const printed = [profile.log.text, profile.memento.text, JSON.stringify(broker.state(notes))].join('\n');
    assert.ok(issuer.issuedSecrets.size > 3);
    for (const secret of issuer.issuedSecrets) assert.ok(!printed.includes(secret));
    const kept = [...profile.secrets.values.values()].join('\n');
    assert.ok(
      [...issuer.issuedSecrets].some((secret) => kept.includes(secret)),
      'The search finds nothing anywhere.',
    );
  });
});
